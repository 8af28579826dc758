"""Who may call what, and what is written down of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from infrastructure.tests.written import ROOT, Templates, write_templates

pytestmark = pytest.mark.contract

SPEAKERS = {
    "POST /sessions",
    "PATCH /sessions/{sessionId}",
    "DELETE /sessions/{sessionId}",
    "DELETE /sessions/{sessionId}/data",
    "GET /sessions/{sessionId}/listeners",
    "DELETE /sessions/{sessionId}/listeners/{listenerId}",
    "POST /tickets",
    "DELETE /tickets",
    "GET /events",
    "POST /events",
    "GET /events/{eventId}",
    "DELETE /events/{eventId}",
    "POST /rooms",
    "GET /rooms/{roomId}",
    "PATCH /rooms/{roomId}",
    "DELETE /rooms/{roomId}",
    "POST /talks",
    "PATCH /talks/{talkId}",
    "DELETE /talks/{talkId}",
}
EVERYBODY = {
    "GET /sessions/{sessionId}",
    "GET /audio/{sessionId}/{language}",
    "GET /transcripts/{sessionId}/{name}",
    "GET /rooms/{roomId}/door",
    "GET /talks/{talkId}",
    "POST /talks/{talkId}/stage",
    "DELETE /talks/{talkId}/stage",
    "GET /offer",
    "GET /healthz",
    "POST /sessions/{sessionId}/signaling-keys",
}


def routes(templates: Templates, stack: str) -> dict[str, str]:
    """What a caller must show, by route."""
    found = templates.resources("AWS::ApiGatewayV2::Route", stack).values()
    return {one["RouteKey"]: one.get("AuthorizationType", "NONE") for one in found}


def test_a_token_is_asked_for_where_something_changes(templates: Templates) -> None:
    found = routes(templates, "SessionHttpApi")
    assert {route for route, shown in found.items() if shown == "JWT"} == SPEAKERS
    assert {route for route, shown in found.items() if shown == "NONE"} == EVERYBODY


def test_the_pool_of_the_stage_is_asked_about_tokens(templates: Templates) -> None:
    (one,) = templates.resources("AWS::ApiGatewayV2::Authorizer", "SessionHttpApi").values()
    assert one["AuthorizerType"] == "JWT"
    assert "cognito-idp" in json.dumps(one["JwtConfiguration"]["Issuer"])
    assert one["IdentitySource"] == ["$request.header.Authorization"]


def test_a_connection_is_asked_for_once_and_guests_get_as_far_as_the_authorizer(
    templates: Templates,
) -> None:
    assert routes(templates, "SessionManagement") == {
        "$connect": "CUSTOM",
        "$disconnect": "NONE",
        "$default": "NONE",
    }
    (one,) = templates.resources("AWS::ApiGatewayV2::Authorizer", "SessionManagement").values()
    assert one.get("IdentitySource", []) == []


def test_calls_are_logged_without_addresses_and_queries(templates: Templates) -> None:
    stages = templates.resources("AWS::ApiGatewayV2::Stage")
    assert len(stages) == 2
    for one in stages.values():
        logged = json.loads(one["AccessLogSettings"]["Format"])
        assert {"requestId", "status", "routeKey"} <= set(logged)
        assert not {"ip", "sourceIp", "path", "querystring"} & set(logged)
        assert "identity" not in one["AccessLogSettings"]["Format"]


def test_speakers_are_let_in_by_somebody(templates: Templates) -> None:
    (pool,) = templates.resources("AWS::Cognito::UserPool").values()
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    (client,) = templates.resources("AWS::Cognito::UserPoolClient").values()
    assert client["GenerateSecret"] is False
    assert "ALLOW_USER_PASSWORD_AUTH" not in client["ExplicitAuthFlows"]


def test_nobody_is_sent_to_sign_in_before_the_pages_have_an_address(templates: Templates) -> None:
    (client,) = templates.resources("AWS::Cognito::UserPoolClient").values()
    assert client["AllowedOAuthFlowsUserPoolClient"] is False
    assert "GATEWAY_SIGN_IN_URL" not in json.dumps(templates.by_stack)


def test_people_sign_in_at_the_pool_and_come_back_to_the_pages(tmp_path: Path) -> None:
    pages_url = "https://d111111abcdef8.cloudfront.net"
    templates = write_templates("dev", tmp_path, pagesUrl=pages_url)
    (client,) = templates.resources("AWS::Cognito::UserPoolClient").values()
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["AllowedOAuthScopes"] == ["openid"]
    assert client["CallbackURLs"] == [f"{pages_url}/"]
    (domain,) = templates.resources("AWS::Cognito::UserPoolDomain").values()
    assert {"Ref": "AWS::AccountId"} in domain["Domain"]["Fn::Join"][1]
    told = [
        one["Environment"]["Variables"]
        for one in templates.resources("AWS::Lambda::Function").values()
        if "GATEWAY_USER_POOL_ID" in one.get("Environment", {}).get("Variables", {})
    ]
    assert len(told) == 4
    assert all("amazoncognito.com" in json.dumps(one["GATEWAY_SIGN_IN_URL"]) for one in told)
    (headers,) = templates.resources("AWS::CloudFront::ResponseHeadersPolicy").values()
    assert "amazoncognito.com" in json.dumps(headers)  # the page asks there for its token


def test_pages_lie_behind_cloudfront_with_the_apis(templates: Templates) -> None:
    (one,) = templates.resources("AWS::CloudFront::Distribution").values()
    config = one["DistributionConfig"]
    behaviors = {each["PathPattern"]: each for each in config["CacheBehaviors"]}
    assert {"/ws", "/sessions*", "/rooms*", "/talks*", "/audio/*", "/offer", "/tickets"} <= set(
        behaviors
    )
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
    assert "OriginAccessControlId" in config["Origins"][0]
    assert "WebACLId" in config
    socket = behaviors["/ws"]["TargetOriginId"]
    paths = {each["Id"]: each.get("OriginPath") for each in config["Origins"]}
    assert paths[socket] == f"/{templates.stage}"


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("/ws", "/"),
        ("/listen", "/listen.html"),
        ("/listen/brave-lion-7", "/listen.html"),
        ("/room/calm-harbour-412", "/listen.html"),
        ("/speak/brave-otter-231", "/index.html"),
        ("/organise", "/organise.html"),
        ("/listener.css", "/missing.html"),
        ("/wp-login.php", "/missing.html"),
        ("/operate", "/missing.html"),
        ("/", "/"),
        ("/assets/main-4f.js", "/assets/main-4f.js"),
        ("/service-worker.js", "/service-worker.js"),
        ("/manifest.webmanifest", "/manifest.webmanifest"),
    ],
)
def test_addresses_that_people_see_lead_to_the_pages(asked: str, served: str) -> None:
    source = (ROOT / "infrastructure" / "page_paths.js").read_text()
    call = f"process.stdout.write(handler({{request: {{uri: {json.dumps(asked)}}}}}).uri)"
    ran = subprocess.run(
        ["node", "-e", source + call], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == served


@pytest.mark.parametrize(
    ("asked", "status"),
    [("/", 200), ("/listen/brave-lion-7", 200), ("/missing.html", 404), ("/wp-login.php", 404)],
)
def test_the_page_for_addresses_that_lead_nowhere_is_a_404(asked: str, status: int) -> None:
    source = (ROOT / "infrastructure" / "page_paths.js").read_text()
    event = json.dumps({"request": {"uri": asked}, "response": {"statusCode": 200}})
    call = f"process.stdout.write(String(handler({event}).statusCode))"
    ran = subprocess.run(
        ["node", "-e", source + call], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == str(status)


def test_the_worker_is_told_of_every_session(templates: Templates) -> None:
    (rule,) = (
        one
        for one in templates.resources("AWS::Events::Rule", "KVSWebRTC").values()
        if "EventPattern" in one
    )
    assert rule["EventPattern"] == {
        "source": ["session-management.http-api"],
        "detail-type": ["Session Status Change"],
    }
    (service,) = templates.resources("AWS::ECS::Service").values()
    assert service["DesiredCount"] == 1
    deployed = service["DeploymentConfiguration"]
    assert (deployed["MinimumHealthyPercent"], deployed["MaximumPercent"]) == (0, 100)


def test_the_worker_runs_the_image_that_was_pushed(tmp_path: Path) -> None:
    digest = f"sha256:{'4f' * 32}"
    templates = write_templates("dev", tmp_path, gatewayImage=digest)
    (task,) = templates.resources("AWS::ECS::TaskDefinition").values()
    (container,) = task["ContainerDefinitions"]
    assert f"@{digest}" in json.dumps(container["Image"])


def test_nobody_but_the_relay_may_call_the_worker(templates: Templates) -> None:
    assert templates.resources("AWS::EC2::SecurityGroupIngress", "KVSWebRTC") == {}
    groups = templates.resources("AWS::EC2::SecurityGroup", "KVSWebRTC").values()
    (rule,) = [rule for group in groups for rule in group.get("SecurityGroupIngress", ())]
    assert (rule["FromPort"], rule["ToPort"]) == (8090, 8090)
    assert "RelayOutward" in json.dumps(rule["SourceSecurityGroupId"])
