"""In place of the Lambdas' code where there is none: `make synth` needs no packages of theirs.

`make deploy` packages the real code into build/lambda and names it to the app.
"""
