"""Addresses of signaling WebSockets, signed with keys (SigV4 in the query)."""

from __future__ import annotations

from urllib.parse import urlencode

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from connectors.signaling_channels import TemporaryCredentials

SERVICE = "kinesisvideo"
GOOD_FOR_S = 299
"""As long as Amazon's own SDKs ask for."""


def viewer_url(wss: str, arn: str, client_id: str, region: str, keys: TemporaryCredentials) -> str:
    """``wss``: the channel's endpoint for viewers. The address is a secret while it is good."""
    query = urlencode({"X-Amz-ChannelARN": arn, "X-Amz-ClientId": client_id})
    request = AWSRequest("GET", f"{wss.rstrip('/')}/?{query}")
    credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    SigV4QueryAuth(credentials, SERVICE, region, expires=GOOD_FOR_S).add_auth(request)
    return str(request.url)
