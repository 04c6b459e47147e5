package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** A test of the tests: no server passes the contract whose adapter does not hear that a connection is closed. */
class DeafServerIT {

    /** Its tests are run by those of this class. */
    private static final class DeafContract extends ConnectionLimitContract<DeafServer> {

        DeafContract() {
            super(DeafServer::new, Transport.PLAIN);
        }
    }

    private final DeafContract contract = new DeafContract();

    /** The sweep gives all back in time for the test itself. */
    @Test
    void failsAtTheEndOfTheContractsTest() throws Exception {
        contract.clientClosesAfterRequest();
        assertThatThrownBy(contract::endAtZero)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("forgotten connections");
    }
}
