"""What a gateway stands on, by its settings: a server's, a worker's, a function's.

Nothing here or behind it decodes audio when it is imported: a function's package holds no codecs
and no speech engines (``infrastructure/lambda-requirements.in``).
"""

from __future__ import annotations

from connectors.amazon import languages as amazon_languages
from connectors.amazon.clients import AwsClients
from connectors.amazon.clip_store import AmazonClipStore
from connectors.amazon.dead_letter_archive import AmazonDeadLetterArchive
from connectors.amazon.document_store import AmazonDocumentStore
from connectors.amazon.erasure import AmazonErasure
from connectors.amazon.ledger import AmazonLedger
from connectors.amazon.record_sink import AmazonRecordSink
from connectors.amazon.room_tables import AmazonRoomTables
from connectors.amazon.session_events import AmazonSessionEvents
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.amazon.signaling_channels import AmazonSignalingAccess, AmazonSignalingChannels
from ingest_gateway.access.auth import LocalIssuer
from ingest_gateway.access.cognito import cognito_verifier
from ingest_gateway.gateway import GatewayDependencies, wall_clock_ms
from ingest_gateway.sessions.languages import Languages
from ingest_gateway.settings import GatewaySettings


def dependencies(settings: GatewaySettings, clients: AwsClients) -> GatewayDependencies:
    pool = settings.user_pool()
    issuer = LocalIssuer(settings.token_key) if pool is None else None
    verifier = issuer if pool is None else cognito_verifier(pool)
    assert verifier is not None
    return GatewayDependencies(
        tables=AmazonSessionTables(clients, wall_clock_ms),
        sink=AmazonRecordSink(clients),
        ledger=AmazonLedger(clients),
        clips=AmazonClipStore(clients, public_endpoint_url=settings.clips_endpoint),
        erasure=AmazonErasure(clients),
        events=AmazonSessionEvents(clients),
        rooms=AmazonRoomTables(clients, wall_clock_ms),
        languages=_languages(settings),
        documents=AmazonDocumentStore(clients, wall_clock_ms),
        channels=AmazonSignalingChannels(clients, settings.kvs_endpoint) if settings.kvs else None,
        channel_access=(
            AmazonSignalingAccess(clients, settings.kvs_role, settings.kvs_sts_endpoint)
            if settings.kvs_role
            else None
        ),
        verifier=verifier,
        sign_in=settings.sign_in(),
        issuer=issuer,
        open_issuer=settings.open_tokens,
        job_token=settings.job_token,
        listening_by=settings.listening_by,
        gateway_id=settings.gateway_id or f"{settings.host}:{settings.port}",
        metrics_apart=settings.metrics_port is not None,
        asked_by_pages=settings.asked_by_pages(),
        public_url=settings.public_url,
        trust_url=settings.trust_url,
        dead_letters=AmazonDeadLetterArchive(clients),
        flink_url=settings.flink_url,
        limits=settings.limits(),
        edge=settings.edge(),
        ice=settings.ice(),
    )


def _languages(settings: GatewaySettings) -> Languages:
    if settings.languages == "any":
        return Languages(
            can_hear=lambda _source: True,
            can_translate=lambda source, target: source != target,
            can_speak=lambda _target: True,
        )
    if settings.languages == "amazon":
        return Languages(
            amazon_languages.can_recognise,
            amazon_languages.can_translate,
            amazon_languages.can_speak,
        )
    if settings.languages == "local":
        return _local_languages()
    if settings.languages != "offline":
        return Languages.of_routes(settings.languages)
    # Not above: the engines need packages that a function's does not hold.
    from connectors.offline.speech_synthesis import OfflineSynthesizer
    from connectors.offline.translation import OfflineTranslator

    return Languages(
        can_hear=lambda source: source == "en",  # the one model in pocketsphinx's wheel
        can_translate=OfflineTranslator().can_translate,
        can_speak=OfflineSynthesizer().can_speak,
    )


def _local_languages() -> Languages:
    """Of models.toml, whether the models are on this machine or not: the job has them."""
    from connectors.local.engines import LocalSpeech

    speech = LocalSpeech()
    return Languages(
        can_hear=speech.recognises,
        can_translate=speech.open_translator().can_translate,
        can_speak=speech.open_synthesizer().can_speak,
    )
