"""What a thousand speakers and a crowd of listeners cost the gateway, beside a plain program."""
