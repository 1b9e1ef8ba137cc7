"""The clients that the package makes, for each service alike."""

import pytest

from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import REQUEST_MILLIS
from idempotent_lambda.store.dynamodb import PARALLEL_CALLS
from tests.clients import PATIENCE_MILLIS, patient_client


@pytest.mark.parametrize("service", ["dynamodb", "sqs"])
class TestClient:
    """Quick to start, quick to give up."""

    def test_configuration(self, aws: None, service: str) -> None:
        """Timeouts are short and static, and the SDK makes a single attempt."""
        del aws
        config = new_client(service).meta.config
        assert (config.connect_timeout, config.read_timeout) == (0.5, 1.0)
        assert config.connect_timeout + config.read_timeout == REQUEST_MILLIS / 1000
        assert config.retries == {"mode": "standard", "total_max_attempts": 1}
        assert config.max_pool_connections >= PARALLEL_CALLS + 2

    def test_place(self, aws: None, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
        """Region and endpoint come from the environment, as Lambda or a test sets it."""
        del aws
        assert new_client(service).meta.region_name == "eu-central-1"
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert new_client(service).meta.endpoint_url == "http://127.0.0.1:9"


def test_the_patient_one_differs_in_its_timeouts_alone(aws: None) -> None:
    """The client of tests on an emulator is the deployed one, and waits longer for an answer."""
    del aws
    deployed, patient = (
        dict(client.meta.config._user_provided_options)
        for client in (new_client(), patient_client({}))
    )
    timeouts = ("connect_timeout", "read_timeout")
    assert [patient.pop(each) for each in timeouts] == [PATIENCE_MILLIS / 1000] * 2
    assert [deployed.pop(each) for each in timeouts] == [0.5, 1.0]
    assert patient == deployed


def test_the_table_is_the_usual_service(aws: None) -> None:
    """Without a name it is DynamoDB's client."""
    del aws
    assert new_client().meta.service_model.service_name == "dynamodb"
