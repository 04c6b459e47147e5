package io.github.connlimit.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimits;
import java.net.InetAddress;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** All contenders count the same, or else their times could not be compared. */
class ContenderTest {

    private static final int LIMIT = 3;

    @ParameterizedTest
    @EnumSource
    void countsEachClientUpToItsLimitAndBackToZero(Contender contender) {
        for (Clients clients : new Clients[] {Clients.ipv4(5), Clients.ipv6(5)}) {
            Counter counter = contender.counter(
                    clients, ConnectionLimits.builder().maxPerClient(LIMIT).build());
            Object[] connections = new Object[LIMIT];
            Object[] acquired = new Object[LIMIT];
            for (int i = 0; i < LIMIT; i++) {
                connections[i] = new Object();
                acquired[i] = counter.acquire(1, connections[i]);
                assertThat(acquired[i]).isNotNull();
                assertThat(counter.open(1)).isEqualTo(i + 1);
            }

            counter.acquire(1, new Object());

            assertThat(counter.open(1)).isEqualTo(LIMIT);
            assertThat(counter.open(2)).isZero();
            for (int i = 0; i < LIMIT; i++) {
                counter.release(1, connections[i], acquired[i]);
                assertThat(counter.open(1)).isEqualTo(LIMIT - 1 - i);
            }
        }
    }

    @Test
    void clientsAreDistinct() throws Exception {
        Set<InetAddress> addresses = new HashSet<>();
        Set<Clients.Key> keys = new HashSet<>();
        for (Clients clients : new Clients[] {Clients.ipv4(1000), Clients.ipv6(1000)}) {
            for (int i = 0; i < clients.count(); i++) {
                addresses.add(clients.address(i));
                keys.add(clients.key(i));
            }
        }

        assertThat(addresses).hasSize(2000);
        assertThat(keys).hasSize(2000);
        assertThat(Clients.ipv6(2).address(1)).isNotEqualTo(InetAddress.getByName("2001:db8::"));
    }
}
