"""Addresses of signaling WebSockets, signed with keys (SigV4 in the query)."""

from __future__ import annotations

from urllib.parse import quote

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from connectors.interfaces.signaling_channels import TemporaryCredentials

SERVICE = "kinesisvideo"
GOOD_FOR_S = 299
"""As long as Amazon's own SDKs ask for."""


def signed_url(
    wss: str, arn: str, region: str, keys: TemporaryCredentials, client_id: str | None
) -> str:
    """``wss``: the channel's endpoint for the role; ``client_id`` None: the master's. The address
    is a secret for as long as it is good."""
    query = f"X-Amz-ChannelARN={quote(arn, safe='')}"
    if client_id is not None:
        query += f"&X-Amz-ClientId={quote(client_id, safe='')}"
    request = AWSRequest("GET", f"{wss.rstrip('/')}/?{query}")
    credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    SigV4QueryAuth(credentials, SERVICE, region, expires=GOOD_FOR_S).add_auth(request)
    return str(request.url)
