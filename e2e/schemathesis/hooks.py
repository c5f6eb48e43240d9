"""What schemathesis must know about Sate, and must not do to others. schemathesis.toml loads this file."""

import re

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Problems whose type is the reason: what the request names is unknown, is gone, or does not fit to it.
REASONS = ("unknown-processor", "invalid-payload", "idempotency-key-reused", "worker-gone", "request-removed")

# Rules of invalid-body and invalid-parameter that OpenAPI cannot state, as the responses explain them.
RULES = (
    r"is not a cron expression",
    r"would never fire",
    r"is not a time zone of the IANA database",
    r"days in the future, which is the maximum",
    r"exceeds the processor's maximum",
    r"would expire before its `start_after`",
    r"`until` must be later than `since`",
    r"has neither `since` nor `all`",
    r"must be an http or https address without",
    r"must have exactly one of `outputs` and `error`",
    r"contains a name twice",
    r"is the name of the built-in simulation",
    r"which remote workers may not announce",
    r"has a `type` that JSON Schema does not have",
    r"is not a JSON Schema that can be applied",
)
RULE = re.compile("|".join(RULES))


@schemathesis.check
def fitting_data_is_accepted(ctx, response, case):
    """A request that fits the document is not refused, except by a rule that the document cannot state."""
    if response.status_code >= 400 and response.content:
        problem = response.json()
        if problem["type"].removeprefix("urn:sate:problem:") in REASONS or RULE.search(problem["detail"]):
            return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if not isinstance(body, dict):
        return
    # Nobody else is called: a delivery to this address is refused by the processor.
    url = body.get("url")
    if isinstance(url, str) and re.match("https?://", url) and len(url) <= 2000:
        body["url"] = "https://127.0.0.1/"
    # A worker may wait for half a minute. This test has one.
    wait_seconds = body.get("wait_seconds")
    if isinstance(wait_seconds, (int, float)) and 0.1 < wait_seconds <= 30:
        body["wait_seconds"] = 0.1
