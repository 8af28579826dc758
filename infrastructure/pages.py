"""One address for browsers: the pages, the HTTP API and the WebSocket API behind CloudFront.

The pages speak to the origin they came from, so that none of them is told an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import (
    Duration,
    aws_cloudfront,
    aws_cloudfront_origins,
    aws_wafv2,
)
from constructs import Construct

from infrastructure.exceptions import accept
from infrastructure.stage import Stage
from infrastructure.stored import bucket, log_bucket

API_PATHS = (
    "/sessions*",
    "/events*",
    "/rooms*",
    "/talks*",
    "/audio/*",
    "/transcripts/*",
    "/tickets",
    "/offer",
    "/healthz",
)
SOCKET_PATH = "/ws"
GLOBAL_WAF_REGION = "us-east-1"
REQUESTS_PER_5_MINUTES = 20_000
"""Of one address: a hall of 500 listeners comes from one, and fetches only pages through here."""

_PATHS_JS = Path(__file__).with_name("page_paths.js")
_NO_CACHE = aws_cloudfront.CachePolicy.CACHING_DISABLED


@dataclass(frozen=True, slots=True)
class Origins:
    """Host names, and the stage that a WebSocket API's address ends with."""

    http_api: str
    websocket_api: str
    websocket_stage: str


class Pages(Construct):
    def __init__(
        self, scope: Construct, stage: Stage, origins: Origins, asked: Sequence[str]
    ) -> None:
        """``asked``: other origins that the pages fetch from."""
        super().__init__(scope, "Pages")
        logs = log_bucket(self, is_for_cloudfront=True)
        self.bucket = bucket(self, "Files", logs, stage, kept_days=None)
        is_global_waf_here = stage.region == GLOBAL_WAF_REGION
        self.rules = self._rules(stage) if is_global_waf_here else None
        api = aws_cloudfront_origins.HttpOrigin(origins.http_api)
        socket = aws_cloudfront_origins.HttpOrigin(
            origins.websocket_api, origin_path=f"/{origins.websocket_stage}"
        )
        paths, answers = self._paths()
        self.distribution = aws_cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Live speech translation, {stage.name}",
            default_root_object="index.html",
            default_behavior=aws_cloudfront.BehaviorOptions(
                origin=aws_cloudfront_origins.S3BucketOrigin.with_origin_access_control(
                    self.bucket
                ),
                viewer_protocol_policy=aws_cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                response_headers_policy=self._headers(asked),
                function_associations=[paths, answers],
            ),
            additional_behaviors={
                SOCKET_PATH: _passed_on(socket, paths),
                **{path: _passed_on(api) for path in API_PATHS},
            },
            minimum_protocol_version=aws_cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=aws_cloudfront.HttpVersion.HTTP2_AND_3,
            enable_logging=True,
            log_bucket=logs,
            log_file_prefix="cloudfront/",
            log_includes_cookies=False,
            web_acl_id=None if self.rules is None else self.rules.attr_arn,
        )
        accept(
            self.distribution,
            {
                "AwsSolutions-CFR1": "Listeners may be anywhere.",
                "AwsSolutions-CFR2": "WAF guards it where the stage is in us-east-1, the one "
                "region that holds CloudFront's rules.",
                "AwsSolutions-CFR4": "Without a domain of its own CloudFront's certificate is the "
                "only one, and its oldest protocol with it.",
            },
        )

    def _paths(
        self,
    ) -> tuple[aws_cloudfront.FunctionAssociation, aws_cloudfront.FunctionAssociation]:
        """For requests, and for their answers."""
        function = aws_cloudfront.Function(
            self,
            "Paths",
            code=aws_cloudfront.FunctionCode.from_inline(_PATHS_JS.read_text()),
            runtime=aws_cloudfront.FunctionRuntime.JS_2_0,
        )
        kinds = aws_cloudfront.FunctionEventType
        return (
            aws_cloudfront.FunctionAssociation(event_type=kinds.VIEWER_REQUEST, function=function),
            aws_cloudfront.FunctionAssociation(event_type=kinds.VIEWER_RESPONSE, function=function),
        )

    def _headers(self, asked: Sequence[str]) -> aws_cloudfront.ResponseHeadersPolicy:
        """As the gateway sends with the pages, but nothing is fetched from just anywhere."""
        kind = aws_cloudfront
        return kind.ResponseHeadersPolicy(
            self,
            "Headers",
            security_headers_behavior=kind.ResponseSecurityHeadersBehavior(
                content_security_policy=kind.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=(
                        f"default-src 'self'; connect-src 'self' {' '.join(asked)}; "
                        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
                        "object-src 'none'"
                    ),
                    override=True,
                ),
                content_type_options=kind.ResponseHeadersContentTypeOptions(override=True),
                referrer_policy=kind.ResponseHeadersReferrerPolicy(
                    referrer_policy=kind.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=kind.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(365),
                    include_subdomains=False,
                    override=True,
                ),
            ),
        )

    def _rules(self, stage: Stage) -> aws_wafv2.CfnWebACL:
        return aws_wafv2.CfnWebACL(
            self,
            "Rules",
            scope="CLOUDFRONT",
            default_action=aws_wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen(f"pages-{stage.name}"),
            rules=[
                _managed(1, "AWSManagedRulesAmazonIpReputationList"),
                _managed(2, "AWSManagedRulesKnownBadInputsRuleSet"),
                aws_wafv2.CfnWebACL.RuleProperty(
                    name="OneAddress",
                    priority=3,
                    action=aws_wafv2.CfnWebACL.RuleActionProperty(block={}),
                    statement=aws_wafv2.CfnWebACL.StatementProperty(
                        rate_based_statement=aws_wafv2.CfnWebACL.RateBasedStatementProperty(
                            aggregate_key_type="IP", limit=REQUESTS_PER_5_MINUTES
                        )
                    ),
                    visibility_config=_seen("OneAddress"),
                ),
            ],
        )


def _passed_on(
    origin: aws_cloudfront_origins.HttpOrigin,
    *functions: aws_cloudfront.FunctionAssociation,
) -> aws_cloudfront.BehaviorOptions:
    return aws_cloudfront.BehaviorOptions(
        origin=origin,
        allowed_methods=aws_cloudfront.AllowedMethods.ALLOW_ALL,
        cache_policy=_NO_CACHE,
        # API Gateway knows itself by its host name; the viewer's is left out.
        origin_request_policy=aws_cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        viewer_protocol_policy=aws_cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        function_associations=list(functions),
    )


def _managed(priority: int, name: str) -> aws_wafv2.CfnWebACL.RuleProperty:
    return aws_wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=aws_wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=aws_wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=aws_wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=name
            )
        ),
        visibility_config=_seen(name),
    )


def _seen(name: str) -> aws_wafv2.CfnWebACL.VisibilityConfigProperty:
    return aws_wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
