package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** No count is lost, and none is left over, if the table runs out of memory at the worst moment. */
class ConnectionLimiterFailureTest {

    private static final InetAddress PEER = ip("127.0.0.2");

    private final FailingTable<Client, Client> table = new FailingTable<>();
    private final RecordingLogger logger = new RecordingLogger();
    private final RecordingListener listener = new RecordingListener();
    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(2).build(), table, () -> 0, logger, listener);

    private void acquireFails() {
        assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(() -> limiter.tryAcquire(PEER));
    }

    @ParameterizedTest
    @EnumSource(
            value = FailingTable.When.class,
            names = {"BEFORE", "AFTER"})
    void anAcquireThatFailsCountsNothing(FailingTable.When when) {
        table.adding = when;
        acquireFails();
        assertThat(table).isEmpty();
        table.adding = FailingTable.When.NEVER;
        ConnectionPermit first = limiter.tryAcquire(PEER).orElseThrow();
        table.adding = when;
        for (int i = 0; i < 5; i++) {
            acquireFails();
        }
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        table.adding = FailingTable.When.NEVER;
        ConnectionPermit second = limiter.tryAcquire(PEER).orElseThrow();
        assertThat(limiter.tryAcquire(PEER)).isEmpty();
        table.adding = when;
        acquireFails();
        first.close();
        second.close();
        assertThat(table).isEmpty();
        assertThat(limiter.snapshot()).isEqualTo(Counts.snapshot(0, 0, 2, 1, List.of()));
        assertThat(listener.events)
                .containsExactly(
                        "admitted: 127.0.0.2/32 1/2",
                        "admitted: 127.0.0.2/32 2/2",
                        "refused: 127.0.0.2/32 2/2 CONNECTIONS",
                        "closed: 127.0.0.2/32 1/2",
                        "closed: 127.0.0.2/32 0/2");
    }

    @ParameterizedTest
    @EnumSource(
            value = FailingTable.When.class,
            names = {"BEFORE", "AFTER"})
    void aCloseNeverFails(FailingTable.When when) {
        ConnectionPermit first = limiter.tryAcquire(PEER).orElseThrow();
        ConnectionPermit second = limiter.tryAcquire(PEER).orElseThrow();
        table.removing = when;
        first.close();
        assertThat(logger.entries).isEmpty();
        second.close();
        assertThat(logger.messages()).containsExactly("removing a client without connections failed");
        assertThat(logger.entries.get(0).thrown()).isInstanceOf(OutOfMemoryError.class);
        assertThat(limiter.openConnections(PEER)).isZero();
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().topClients()).isEmpty();
        assertThat(listener.events).endsWith("closed: 127.0.0.2/32 1/2", "closed: 127.0.0.2/32 0/2");
    }

    /** Between the last connection that is closed and the removal of its client. */
    @Test
    void aClientThatComesBackWhileItIsRemovedStays() {
        ConnectionPermit first = limiter.tryAcquire(PEER).orElseThrow();
        List<ConnectionPermit> came = new ArrayList<>();
        table.beforeRemoving = () -> {
            table.beforeRemoving = null;
            came.add(limiter.tryAcquire(PEER).orElseThrow());
        };
        first.close();
        assertThat(came).hasSize(1);
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        assertThat(limiter.snapshot())
                .isEqualTo(Counts.snapshot(1, 1, 2, 0, List.of(new ClientUsage(Cidr.parse("127.0.0.2"), 1, 0, 0, 2))));
        came.get(0).close();
        assertThat(table).isEmpty();
    }

    @Test
    void anEntryThatStayedBehindIsReplacedByTheNextConnection() {
        ConnectionPermit first = limiter.tryAcquire(PEER).orElseThrow();
        table.removing = FailingTable.When.BEFORE;
        first.close();
        assertThat(table).hasSize(1);
        table.removing = FailingTable.When.NEVER;

        ConnectionPermit second = limiter.tryAcquire(PEER).orElseThrow();
        assertThat(limiter.openConnections(PEER)).isEqualTo(1);
        ConnectionPermit third = limiter.tryAcquire(PEER).orElseThrow();
        assertThat(limiter.tryAcquire(PEER)).isEmpty();
        first.close();
        assertThat(limiter.openConnections(PEER)).isEqualTo(2);
        second.close();
        third.close();
        assertThat(table).isEmpty();
    }
}
