"""Who may speak: people in a user pool, who sign in at its own pages. Listeners need no account."""

from __future__ import annotations

from aws_cdk import Aws, Duration, aws_cognito
from constructs import Construct

from infrastructure.exceptions import accept
from infrastructure.stage import Stage


class Accounts(Construct):
    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "Accounts")
        self.pool = aws_cognito.UserPool(
            self,
            "Speakers",
            user_pool_name=f"speakers-{stage.name}",
            self_sign_up_enabled=False,  # a speaker costs money; who may is decided by a person
            sign_in_aliases=aws_cognito.SignInAliases(email=True),
            account_recovery=aws_cognito.AccountRecovery.EMAIL_ONLY,
            password_policy=aws_cognito.PasswordPolicy(
                min_length=12,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
            ),
            mfa=aws_cognito.Mfa.OPTIONAL,
            mfa_second_factor=aws_cognito.MfaSecondFactor(otp=True, sms=False),
            deletion_protection=stage.is_production,
            removal_policy=stage.removal,
        )
        accept(
            self.pool,
            {
                "AwsSolutions-COG2": "A second factor is each speaker's choice: stages are shared.",
                "AwsSolutions-COG3": "Threat protection is charged for each speaker; "
                "sign-up is closed and passwords are long.",
                "AwsSolutions-COG8": "Only the plan with threat protection satisfies it.",
            },
        )
        # Names of such domains are shared by all accounts of a region.
        domain = self.pool.add_domain(
            "SignIn",
            cognito_domain=aws_cognito.CognitoDomainOptions(
                domain_prefix=f"speakers-{stage.name}-{Aws.ACCOUNT_ID}"
            ),
        )
        self.sign_in_url = domain.base_url()
        self.client = self.pool.add_client(
            "Pages",
            user_pool_client_name=f"pages-{stage.name}",
            generate_secret=False,  # a page cannot keep one
            auth_flows=aws_cognito.AuthFlow(user_srp=True, admin_user_password=True),
            access_token_validity=Duration.hours(1),
            id_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.days(1),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            disable_o_auth=stage.pages_url is None,
            o_auth=None if stage.pages_url is None else _signed_in_at(stage.pages_url),
        )


def _signed_in_at(pages_url: str) -> aws_cognito.OAuthSettings:
    """A code that only the page which asked for it can use (PKCE); never a token in an address."""
    return aws_cognito.OAuthSettings(
        flows=aws_cognito.OAuthFlows(authorization_code_grant=True),
        scopes=[aws_cognito.OAuthScope.OPENID],
        callback_urls=[f"{pages_url}/"],
        logout_urls=[f"{pages_url}/"],
    )
