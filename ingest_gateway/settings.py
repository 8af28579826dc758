"""The command line of the gateway, checked once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors.amazon.clients import AwsSettings
from ingest_gateway.access.cognito import SignIn, UserPool
from ingest_gateway.access.edge import Edge, ViewerHeader, edge
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.protocol.messages import ListeningBy
from ingest_gateway.sessions.languages import Languages
from ingest_gateway.webrtc.ice import IceSettings, ice_settings

_LIMITS = Limits()
LANGUAGE_TABLES = ("offline", "local", "amazon", "any")


class GatewaySettings(BaseSettings):
    """Options, or environment variables as ``GATEWAY_PORT``; options win.

    ``public_url`` is where others reach this gateway, ``trust_url`` where a phone learns to trust
    its certificate; ``aws_endpoint`` None: AWS itself.
    ``gateway_id`` must stay the same over restarts and differ between gateways of one stage.
    ``media_host`` is where WebRTC's audio comes in (default: where HTTP does), ``ice_servers`` the
    STUN and TURN servers (``stun:host:port``, ``turn:host:port``) that help to find it.
    ``kvs``: each session gets a signaling channel of Kinesis Video Streams (at ``kvs_endpoint``, if
    it is not where AWS is); ``kvs_role``: the role whose keys, cut down to one channel, open it
    (from ``kvs_sts_endpoint``, if that is not where AWS is).
    ``user_pool_id``: speakers' tokens come from this Cognito pool, made for one of
    ``user_pool_clients``; without it the gateway issues tokens itself. ``sign_in_url``: the pool's
    own pages (``https://NAME.auth.REGION.amazoncognito.com``), where people of the first client
    sign in; without it they bring a token.
    ``metrics_port``: where ``/metrics`` is, apart from what everybody reaches; None: beside it.
    ``trusted_proxies``: addresses and networks whose ``viewer_header`` says who the viewer is
    (``*``: every peer). ``allowed_hosts``: the names by which the gateway may be called
    (none: any), ``allowed_origins``: other pages whose scripts may call it (none: all).
    ``trust_loopback``: callers on this machine are given tokens and make the job's calls, for one
    machine alone.
    ``listening_by``: ``link`` lets listeners in by the secret of a session's link only; ``id`` also
    by the session's id, unless its owner says otherwise.
    ``languages``: those of the job's engines, by which a language is refused before it is waited
    for: ``offline``, ``local`` or ``amazon`` (our own tables), ``SOURCE:TARGET,... SOURCE:...`` for
    any other engine, or ``any``: nothing is refused.
    ``talks_at_once``: how many the job's recogniser holds; one more is refused (none given: any
    number).
    ``flink_url`` is where operators find Flink's own pages.
    """

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_",
        cli_prog_name="python -m ingest_gateway",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        hide_input_in_errors=True,
    )

    host: str = "127.0.0.1"
    port: int = 8080
    metrics_port: int | None = None
    public_url: str | None = None
    trust_url: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    stage: str = "dev"
    region: str = "us-east-1"
    aws_endpoint: str | None = None
    clips_endpoint: str | None = None
    gateway_id: str | None = None

    media_host: str | None = None
    trusted_proxies: list[str] = Field(default_factory=list)
    viewer_header: ViewerHeader = "x-forwarded-for"
    allowed_hosts: list[str] = Field(default_factory=list)
    allowed_origins: list[str] = Field(default_factory=list)
    trust_loopback: bool = False

    ice_servers: list[str] = Field(default_factory=list)
    turn_username: str | None = None
    turn_password: str | None = None

    kvs: bool = False
    kvs_endpoint: str | None = None
    kvs_role: str | None = None
    kvs_sts_endpoint: str | None = None

    languages: str = "offline"
    token_key: Path | None = None
    open_tokens: bool = False
    user_pool_id: str | None = None
    user_pool_clients: list[str] = Field(default_factory=list)
    user_pool_endpoint: str | None = None
    sign_in_url: str | None = None
    job_token: str | None = None
    listening_by: ListeningBy = "id"
    flink_url: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    creates_per_minute: int = _LIMITS.creates_per_minute
    joins_per_minute: int = _LIMITS.joins_per_minute
    hall_joins_per_minute: int = _LIMITS.hall_joins_per_minute
    languages_per_session: int = _LIMITS.languages_per_session
    listeners_per_session: int = _LIMITS.listeners_per_session
    talks_at_once: int | None = Field(default=_LIMITS.talks_at_once, ge=1)

    @field_validator("languages")
    @classmethod
    def _check_languages(cls, languages: str) -> str:
        if languages not in LANGUAGE_TABLES:
            try:
                Languages.of_routes(languages)
            except ValueError as error:
                wanted = ", ".join(LANGUAGE_TABLES)
                raise ValueError(f"{error}; use {wanted} or as 'en:es,gl de:en'") from None
        return languages

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("give --tls-cert and --tls-key together")
        return self

    @model_validator(mode="after")
    def _check_ice(self) -> Self:
        self.ice()
        return self

    @model_validator(mode="after")
    def _check_edge(self) -> Self:
        self.edge()
        return self

    @model_validator(mode="after")
    def _check_pool(self) -> Self:
        if (self.user_pool_id is None) != (not self.user_pool_clients):
            raise ValueError("give --user-pool-id and --user-pool-clients together")
        if self.sign_in_url is not None and self.user_pool_id is None:
            raise ValueError("give --sign-in-url together with --user-pool-id")
        return self

    def sign_in(self) -> SignIn | None:
        """None: tokens come from elsewhere."""
        if self.sign_in_url is None:
            return None
        return SignIn(self.sign_in_url.rstrip("/"), self.user_pool_clients[0])

    def user_pool(self) -> UserPool | None:
        """None: the gateway's own issuer."""
        if self.user_pool_id is None:
            return None
        return UserPool(
            self.user_pool_id.partition("_")[0],
            self.user_pool_id,
            frozenset(self.user_pool_clients),
            endpoint_url=self.user_pool_endpoint,
        )

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert is not None else "http"

    def asked_by_pages(self) -> tuple[str, ...]:
        """Origins that the pages fetch from beside their own: clips, and where people sign in."""
        clips = self.clips_endpoint or self.aws_endpoint
        bucket = self.aws().names.clip_bucket
        stores = (
            [
                f"https://{bucket}.s3.amazonaws.com",
                f"https://{bucket}.s3.{self.region}.amazonaws.com",
            ]
            if clips is None
            else [clips]
        )
        asked = stores if self.sign_in_url is None else [*stores, self.sign_in_url]
        return tuple("{0.scheme}://{0.netloc}".format(urlsplit(one)) for one in asked)

    def aws(self) -> AwsSettings:
        if self.aws_endpoint is not None:
            return AwsSettings.local(self.aws_endpoint, self.stage)
        return AwsSettings(self.stage, region=self.region)

    def ice(self) -> IceSettings:
        return ice_settings(
            self.media_host or self.host,
            tuple(self.ice_servers),
            self.turn_username,
            self.turn_password,
        )

    def edge(self) -> Edge:
        return edge(
            self.trusted_proxies,
            self.viewer_header,
            self.allowed_hosts,
            self.allowed_origins,
            trust_loopback=self.trust_loopback,
        )

    def limits(self) -> Limits:
        return Limits(
            creates_per_minute=self.creates_per_minute,
            joins_per_minute=self.joins_per_minute,
            hall_joins_per_minute=self.hall_joins_per_minute,
            languages_per_session=self.languages_per_session,
            listeners_per_session=self.listeners_per_session,
            talks_at_once=self.talks_at_once,
        )
