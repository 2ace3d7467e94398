import pytest

from packetserver.security.principal import Principal, PrincipalKind

USER = Principal(PrincipalKind.USER, 2, 1, None, 2)
CLIENT = Principal(PrincipalKind.SYNC_CLIENT, None, None, 5, 1)
OWNED_CLIENT = Principal(PrincipalKind.SYNC_CLIENT, 2, 1, 5, 2)
OWNED_CLIENT_WITHOUT_ROLE = Principal(PrincipalKind.SYNC_CLIENT, 2, None, 5, 2)
USER_CLIENT = Principal(PrincipalKind.USER_CLIENT, 2, 1, 5, 2)


@pytest.mark.parametrize(
    ("principal", "acts_as_user", "unrestricted", "restricted_to_client"),
    [
        (USER, True, False, None),
        (CLIENT, False, True, None),
        (OWNED_CLIENT, False, False, None),
        (OWNED_CLIENT_WITHOUT_ROLE, False, False, None),
        (USER_CLIENT, False, False, 5),
    ],
)
def test_what_a_principal_may(principal, acts_as_user, unrestricted, restricted_to_client):
    assert principal.acts_as_user is acts_as_user
    assert principal.unrestricted is unrestricted
    assert principal.restricted_to_client == restricted_to_client
