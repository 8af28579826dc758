"""Clips in a private S3 bucket, served to browsers through presigned URLs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, aws_errors, error_code
from connectors.amazon.layout import KEEP_TAG
from schemas.rooms import DEFAULT_KEEP_DAYS
from schemas.session_info import KEEP_DAYS


class AmazonClipStore:
    """One bucket, the clips' unless named otherwise.

    ``public_endpoint_url``: where browsers reach the store, when that is not where this process
    does; URLs are signed for it. Signing needs the credentials only, no round trip.
    """

    def __init__(
        self,
        clients: AwsClients,
        *,
        bucket: str | None = None,
        public_endpoint_url: str | None = None,
    ) -> None:
        self._clients = clients
        self._bucket = bucket or clients.settings.names.clip_bucket
        self._own_signers: AwsClients | None = None
        if public_endpoint_url is not None:
            self._own_signers = AwsClients(
                replace(clients.settings, endpoint_url=public_endpoint_url)
            )

    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        s3 = await self._clients.s3()
        with aws_errors(f"store in {self._bucket}"):
            await s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=metadata,
                Tagging=f"{KEEP_TAG}={metadata.get(KEEP_DAYS, DEFAULT_KEEP_DAYS)}",
            )

    async def get(self, key: str) -> bytes | None:
        s3 = await self._clients.s3()
        with aws_errors(f"fetch from {self._bucket}"):
            try:
                answer = await s3.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) in {"NoSuchKey", "404"}:
                    return None
                raise
            async with answer["Body"] as body:
                return await body.read()

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        s3 = await self._clients.s3()
        with aws_errors(f"look up in {self._bucket}"):
            try:
                answer = await s3.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if error_code(error) in {"NoSuchKey", "404"}:
                    return None
                raise
        return {name.lower(): value for name, value in answer["Metadata"].items()}

    async def presign(self, key: str, *, expires_s: int) -> str:
        signer = await (self._own_signers or self._clients).s3()
        with aws_errors(f"sign a URL into {self._bucket}"):
            return await signer.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._bucket, "Key": key},
                ExpiresIn=expires_s,
            )

    async def close(self) -> None:
        """Closes its own signer only; the shared clients are their owner's."""
        if self._own_signers is not None:
            await self._own_signers.close()
