"""Keys for a session's signaling channel, for browsers: they last an hour, so ask again."""

from __future__ import annotations

import msgspec
from litestar import MediaType, Response, post
from litestar.params import FromPath

from ingest_gateway.access.auth import presented_listening
from ingest_gateway.routes.callers import AnyRequest, ItsGateway, peer_of
from ingest_gateway.sessions.channels import ChannelKeys


class IceServerView(msgspec.Struct, frozen=True):
    """As browsers' ``RTCPeerConnection`` takes it."""

    urls: tuple[str, ...]
    username: str
    credential: str


class KeysView(msgspec.Struct, frozen=True, rename="camel"):
    """``expiration``: UTC milliseconds. ``role``: MASTER for the session's speaker, else VIEWER."""

    role: str
    region: str
    channel_arn: str
    channel_endpoint: str
    access_key_id: str
    secret_access_key: str
    session_token: str | None
    expiration: int | None
    ice_servers: tuple[IceServerView, ...]


@post("/sessions/{session_id:str}/signaling-keys", status_code=201)
async def signaling_keys(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    peer = peer_of(request, gateway)
    await gateway.request_limits.check_keys(peer)
    shown = presented_listening(request.headers, request.query_params)
    live = (await gateway.admission.join(peer, session_id, shown)).live
    subject = None if peer.identity is None else peer.identity.subject
    given = await gateway.channels.keys(live.row.info, subject)
    return Response(
        msgspec.json.encode(_view(given)),
        status_code=201,
        media_type=MediaType.JSON,
        headers={"cache-control": "no-store"},
    )


def _view(given: ChannelKeys) -> KeysView:
    return KeysView(
        role=given.role.value,
        region=given.channel.arn.split(":")[3],
        channel_arn=given.channel.arn,
        channel_endpoint=given.endpoints.wss,
        access_key_id=given.keys.access_key_id,
        secret_access_key=given.keys.secret_access_key,
        session_token=given.keys.session_token,
        expiration=given.keys.expires_at_ms,
        ice_servers=tuple(
            IceServerView(one.urls, one.username, one.password) for one in given.ice_servers
        ),
    )


SIGNALING_ROUTES = [signaling_keys]
