"""`redress up --host` takes addresses only: what is no address could mean all of them."""

import pytest
from redress_local.cli.errors import UsageError
from redress_local.cli.up import up


@pytest.mark.parametrize("host", ["", "localhost", "172.17.0", "127.0.0.1:80"])
def test_what_is_no_address_is_refused(host):
    with pytest.raises(UsageError, match="is not an address"):
        up(emulated=True, host=[host])
