package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static io.github.connlimit.Addresses.ipv6WithScope;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectionLimiterTest {

    private static final InetAddress GREEDY = ip("127.0.0.2");
    private static final InetAddress MODEST = ip("127.0.0.3");

    private final List<ConnectionLimiter> limiters = new ArrayList<>();
    private final RecordingLogger logger = new RecordingLogger();
    private final RecordingListener listener = new RecordingListener();
    private final List<ConnectionPermit> permits = new ArrayList<>();

    @AfterEach
    void everythingEndsAtZero() {
        permits.forEach(ConnectionPermit::close);
        for (ConnectionLimiter limiter : limiters) {
            assertThat(limiter.snapshot().clients()).isZero();
            assertThat(limiter.snapshot().openConnections()).isZero();
        }
    }

    private ConnectionLimiter limiter(ConnectionLimits.Builder limits, LimiterListener... listeners) {
        ConnectionLimiter limiter = new ConnectionLimiter(limits.build(), System::nanoTime, logger, listeners);
        limiters.add(limiter);
        return limiter;
    }

    private ConnectionLimiter limiter(int maxPerClient) {
        return limiter(ConnectionLimits.builder().maxPerClient(maxPerClient), listener);
    }

    /** Opens as many connections as are asked for, each of which must be admitted. */
    private List<ConnectionPermit> open(ConnectionLimiter limiter, InetAddress address, int connections) {
        List<ConnectionPermit> opened = IntStream.range(0, connections)
                .mapToObj(i -> limiter.tryAcquire(address).orElseThrow())
                .toList();
        permits.addAll(opened);
        return opened;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 100})
    void admitsUpToTheLimitAndNotOneMore(int limit) throws Exception {
        ConnectionLimiter limiter = limiter(limit);
        open(limiter, GREEDY, limit);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        assertThatExceptionOfType(ConnectionLimitExceededException.class).isThrownBy(() -> limiter.acquire(GREEDY));
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(limit);

        permits.add(limiter.acquire(MODEST));
        assertThat(limiter.openConnections(MODEST)).isEqualTo(1);
        assertThat(limiter.openConnections(ip("127.0.0.4"))).isZero();
    }

    @Test
    void theDefaultIsAHundred() {
        ConnectionLimiter limiter = limiter(ConnectionLimits.builder());
        open(limiter, GREEDY, 100);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
    }

    @Test
    void aFreedSlotCanBeUsedAtOnce() {
        ConnectionLimiter limiter = limiter(3);
        List<ConnectionPermit> opened = open(limiter, GREEDY, 3);
        for (ConnectionPermit permit : opened) {
            assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
            permit.close();
            assertThat(limiter.openConnections(GREEDY)).isEqualTo(2);
            open(limiter, GREEDY, 1);
        }
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
    }

    @Test
    void closingTwiceGivesBackOne() {
        ConnectionLimiter limiter = limiter(5);
        List<ConnectionPermit> opened = open(limiter, GREEDY, 3);
        opened.get(0).close();
        opened.get(0).close();
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(2);
        opened.get(1).close();
        opened.get(2).close();
        open(limiter, GREEDY, 1);
        opened.forEach(ConnectionPermit::close);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1);
        assertThat(limiter.snapshot().openConnections()).isEqualTo(1);
    }

    @Test
    void withoutALimitConnectionsAreCountedAllTheSame() {
        ConnectionLimiter limiter = limiter(0);
        open(limiter, GREEDY, 1_000);
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(1_000);
        limiter.reconfigure(ConnectionLimits.builder().maxPerClient(1_000).build());
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        limiter.reconfigure(ConnectionLimits.builder().maxPerClient(1_001).build());
        open(limiter, GREEDY, 1);
    }

    @Test
    void aCountNeverOverflows() {
        ConnectionLimiter limiter = limiter(0);
        open(limiter, GREEDY, 1);
        Client client = permits.get(0).client();
        Counts.open(client, Integer.MAX_VALUE - 1);
        ConnectionPermit last = limiter.tryAcquire(GREEDY).orElseThrow();
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(Integer.MAX_VALUE);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        Counts.open(client, 2);
        last.close();
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.1, 10.0.0.1, true",
        "10.0.0.1, 10.0.0.2, false",
        "10.0.0.1, ::ffff:10.0.0.1, true",
        "10.0.0.1, ::10.0.0.1, false",
        "2001:db8:0:1::1, 2001:db8:0:1:ffff:ffff:ffff:ffff, true",
        "2001:db8:0:1::1, 2001:db8:0:0::1, false",
        "2001:db8:0:1::1, 2001:db8:0:2::1, false",
        "::1, ::2, true",
        "::1, 0.0.0.1, false",
    })
    void tellsClientsApart(String one, String other, boolean same) {
        ConnectionLimiter limiter = limiter(1);
        open(limiter, ip(one), 1);
        Optional<ConnectionPermit> second = limiter.tryAcquire(ip(other));
        second.ifPresent(permits::add);
        assertThat(second.isEmpty()).isEqualTo(same);
        assertThat(limiter.openConnections(ip(other))).isEqualTo(1);
        assertThat(limiter.snapshot().clients()).isEqualTo(same ? 1 : 2);
    }

    @Test
    void ignoresScopesAndTakesMappedAddressesForIpv4() {
        ConnectionLimiter limiter = limiter(2);
        open(limiter, ipv6WithScope(0xfe80L << 48, 1, 1), 1);
        open(limiter, ipv6WithScope(0xfe80L << 48, 2, 2), 1);
        assertThat(limiter.tryAcquire(ip("fe80::3"))).isEmpty();

        open(limiter, ipv6WithScope(0, 0xffff_7f00_0002L, 0), 2);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(2);
    }

    @Test
    void theLimitIsThatOfTheLongestRule() {
        ConnectionLimiter limiter = limiter(ConnectionLimits.builder()
                .maxPerClient(1)
                .limit("10.0.0.0/8", 2)
                .exempt("10.1.0.0/16"));
        open(limiter, ip("10.0.0.1"), 2);
        assertThat(limiter.tryAcquire(ip("10.0.0.1"))).isEmpty();
        open(limiter, ip("10.0.0.2"), 2);
        open(limiter, ip("10.1.0.1"), 200);
        open(limiter, ip("11.0.0.1"), 1);
        assertThat(limiter.tryAcquire(ip("11.0.0.1"))).isEmpty();
    }

    @Test
    void aRuleForLessThanAClientCountsByItself() {
        ConnectionLimiter limiter = limiter(ConnectionLimits.builder()
                .maxPerClient(1)
                .limit("2001:db8::1", 2)
                .ipv4Prefix(24)
                .limit("10.0.0.0/25", 3));
        open(limiter, ip("2001:db8::1"), 2);
        open(limiter, ip("2001:db8::2"), 1);
        assertThat(limiter.tryAcquire(ip("2001:db8::1"))).isEmpty();
        assertThat(limiter.tryAcquire(ip("2001:db8::3"))).isEmpty();
        open(limiter, ip("10.0.0.1"), 3);
        assertThat(limiter.tryAcquire(ip("10.0.0.127"))).isEmpty();
        open(limiter, ip("10.0.0.128"), 1);
        assertThat(limiter.tryAcquire(ip("10.0.0.255"))).isEmpty();
    }

    @Test
    void aLoweredLimitClosesNothingAndDrains() {
        ConnectionLimiter limiter = limiter(5);
        List<ConnectionPermit> opened = open(limiter, GREEDY, 5);
        limiter.reconfigure(ConnectionLimits.builder().maxPerClient(2).build());
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(5);
        for (int i = 0; i < 3; i++) {
            assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
            opened.get(i).close();
        }
        assertThat(limiter.openConnections(GREEDY)).isEqualTo(2);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        opened.get(3).close();
        open(limiter, GREEDY, 1);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        open(limiter, MODEST, 2);
    }

    @Test
    void aRaisedLimitAdmitsAtOnce() {
        ConnectionLimiter limiter = limiter(1);
        open(limiter, GREEDY, 1);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(2).build());
        open(limiter, GREEDY, 1);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(0).build());
        open(limiter, GREEDY, 10);
    }

    @Test
    void oldPermitsGoBackWhereTheyCameFrom() {
        ConnectionLimiter limiter = limiter(2);
        List<ConnectionPermit> old = open(limiter, ip("10.0.0.1"), 2);
        limiter.reconfigure(limits -> limits.toBuilder().ipv4Prefix(24).build());
        assertThat(limiter.openConnections(ip("10.0.0.1"))).isZero();
        List<ConnectionPermit> wider = open(limiter, ip("10.0.0.1"), 2);
        assertThat(limiter.tryAcquire(ip("10.0.0.2"))).isEmpty();
        assertThat(limiter.snapshot().topClients())
                .extracting(usage -> usage.client().toString())
                .containsExactlyInAnyOrder("10.0.0.1/32", "10.0.0.0/24");

        old.forEach(ConnectionPermit::close);
        assertThat(limiter.tryAcquire(ip("10.0.0.2"))).isEmpty();
        assertThat(limiter.snapshot().clients()).isEqualTo(1);
        limiter.reconfigure(limits -> limits.toBuilder().ipv4Prefix(32).build());
        List<ConnectionPermit> narrow = open(limiter, ip("10.0.0.1"), 2);
        wider.forEach(ConnectionPermit::close);
        assertThat(limiter.tryAcquire(ip("10.0.0.1"))).isEmpty();
        assertThat(limiter.openConnections(ip("10.0.0.1"))).isEqualTo(2);
        narrow.forEach(ConnectionPermit::close);
        assertThat(limiter.snapshot().openConnections()).isZero();
    }

    @Test
    void aReconfigurationThatFailsChangesNothing() {
        ConnectionLimiter limiter = limiter(1);
        ConnectionLimits before = limiter.limits();
        assertThatNullPointerException()
                .isThrownBy(() -> limiter.reconfigure((ConnectionLimits) null))
                .withMessage("limits");
        assertThatNullPointerException()
                .isThrownBy(() -> limiter.reconfigure(limits -> null))
                .withMessage("the changed limits");
        assertThatIllegalStateException()
                .isThrownBy(() -> limiter.reconfigure(limits -> {
                    throw new IllegalStateException("made up");
                }))
                .withMessage("made up");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> limiter.reconfigure(
                        limits -> limits.toBuilder().maxPerClient(-1).build()));
        assertThat(limiter.limits()).isSameAs(before);
        assertThat(logger.entries).isEmpty();
    }

    @Test
    void aReconfigurationIsLogged() {
        ConnectionLimiter limiter = limiter(1);
        ConnectionLimits before = limiter.limits();
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(2).build());
        assertThat(limiter.limits().maxPerClient()).isEqualTo(2);
        assertThat(logger.entries)
                .containsExactly(new RecordingLogger.Entry(
                        System.Logger.Level.INFO, "limits changed from " + before + " to " + limiter.limits(), null));
    }

    @Test
    void aReconfigurationThatCannotBeLoggedIsInForce() {
        AtomicLong nanoTime = new AtomicLong();
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults(), nanoTime::get, logger);
        logger.broken = new OutOfMemoryError("made up");
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(2).build());
        assertThat(limiter.limits().maxPerClient()).isEqualTo(2);
        logger.broken = null;
        nanoTime.set(TimeUnit.SECONDS.toNanos(10));
        limiter.errors().report(Failure.LOGGING_CHANGE, null);
        assertThat(logger.messages())
                .containsExactly(Failure.LOGGING_CHANGE + " (1 more errors since the last that was logged)");
    }

    @Test
    void tellsItsListenersInOrder() {
        RecordingListener second = new RecordingListener();
        ConnectionLimiter limiter =
                limiter(ConnectionLimits.builder().maxPerClient(2).limit("::/0", 1), listener, second);
        List<ConnectionPermit> opened = open(limiter, GREEDY, 2);
        limiter.tryAcquire(GREEDY);
        open(limiter, ip("2001:db8::1"), 1);
        limiter.tryAcquire(ip("2001:db8::2"));
        opened.get(0).close();
        limiter.reconfigure(limits -> limits.toBuilder().maxPerClient(0).build());
        opened.get(1).close();
        opened.get(1).close();
        assertThat(listener.events)
                .containsExactly(
                        "admitted: 127.0.0.2/32 1/2",
                        "admitted: 127.0.0.2/32 2/2",
                        "refused: 127.0.0.2/32 2/2 CONNECTIONS",
                        "admitted: 2001:db8:0:0:0:0:0:0/64 1/1",
                        "refused: 2001:db8:0:0:0:0:0:0/64 1/1 CONNECTIONS",
                        "closed: 127.0.0.2/32 1/2",
                        "closed: 127.0.0.2/32 0/0");
        assertThat(second.events).isEqualTo(listener.events);
    }

    @Test
    void aListenerThatThrowsChangesNothing() {
        LimiterListener throwing = new LimiterListener() {
            @Override
            public void admitted(ClientUsage client) {
                throw new IllegalStateException("admitted");
            }

            @Override
            public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
                throw new OutOfMemoryError("refused");
            }

            @Override
            public void closed(ClientUsage client) {
                throw new StackOverflowError("closed");
            }
        };
        ConnectionLimiter limiter = limiter(ConnectionLimits.builder().maxPerClient(1), throwing, listener, throwing);
        List<ConnectionPermit> opened = open(limiter, GREEDY, 1);
        assertThat(limiter.tryAcquire(GREEDY)).isEmpty();
        opened.get(0).close();
        assertThat(limiter.openConnections(GREEDY)).isZero();
        assertThat(listener.events)
                .containsExactly(
                        "admitted: 127.0.0.2/32 1/1",
                        "refused: 127.0.0.2/32 1/1 CONNECTIONS",
                        "closed: 127.0.0.2/32 0/1");
        // Once in ten seconds.
        assertThat(logger.messages())
                .containsExactly(
                        "a LimiterListener threw: " + throwing.getClass().getName(),
                        "refused: 127.0.0.2/32 (CONNECTIONS; 1 open, 0 pending, 0 streams; limit 1)");
        assertThat(logger.entries.get(0).thrown()).hasMessage("admitted");
    }

    @Test
    void aListenerMayUseTheLimiter() {
        List<Integer> seen = new ArrayList<>();
        ConnectionLimiter[] self = new ConnectionLimiter[1];
        self[0] = limiter(ConnectionLimits.builder().maxPerClient(2), new LimiterListener() {
            @Override
            public void admitted(ClientUsage client) {
                InetAddress peer = client.client().address();
                seen.add(self[0].openConnections(peer));
                if (client.openConnections() == 1) {
                    self[0].tryAcquire(peer).orElseThrow().close();
                }
            }

            @Override
            public void closed(ClientUsage client) {
                seen.add(-self[0].openConnections(client.client().address()));
            }
        });
        open(self[0], GREEDY, 1).get(0).close();
        assertThat(seen).containsExactly(1, 2, -1, 0);
    }

    @Test
    void theExceptionTellsNothingAndCostsLittle() {
        ConnectionLimiter limiter = limiter(1);
        open(limiter, GREEDY, 1);
        assertThatExceptionOfType(ConnectionLimitExceededException.class)
                .isThrownBy(() -> limiter.acquire(GREEDY))
                .withMessage("client connection limit reached")
                .withNoCause()
                .satisfies(refused -> assertThat(refused.getStackTrace()).isEmpty());
    }

    @Test
    void countsNobodyWithoutAnAddress() {
        ConnectionLimiter limiter = limiter(1);
        assertThatNullPointerException()
                .isThrownBy(() -> limiter.tryAcquire(null))
                .withMessage("address");
        assertThatNullPointerException().isThrownBy(() -> limiter.acquire(null)).withMessage("address");
        assertThatNullPointerException()
                .isThrownBy(() -> limiter.openConnections(null))
                .withMessage("address");
        assertThatNullPointerException()
                .isThrownBy(() -> new ConnectionLimiter(null))
                .withMessage("limits");
        assertThat(limiter.snapshot()).isEqualTo(Counts.snapshot(0, 0, 0, 0, List.of()));
    }

    @Test
    void theFigures() {
        ConnectionLimiter limiter =
                limiter(ConnectionLimits.builder().maxPerClient(3).limit("127.0.0.3", 1));
        List<ConnectionPermit> greedy = open(limiter, GREEDY, 3);
        open(limiter, MODEST, 1);
        limiter.tryAcquire(GREEDY);
        limiter.tryAcquire(GREEDY);
        limiter.tryAcquire(MODEST);
        greedy.get(0).close();
        assertThat(limiter.snapshot())
                .isEqualTo(Counts.snapshot(
                        3,
                        2,
                        4,
                        3,
                        List.of(
                                new ClientUsage(Cidr.parse("127.0.0.2"), 2, 0, 0, 3),
                                new ClientUsage(Cidr.parse("127.0.0.3"), 1, 0, 0, 1))));
        permits.forEach(ConnectionPermit::close);
        assertThat(limiter.snapshot()).isEqualTo(Counts.snapshot(0, 0, 4, 3, List.of()));
    }

    @Test
    void theClientsWithMostConnections() {
        ConnectionLimiter limiter = limiter(ConnectionLimits.builder().maxPerClient(0));
        List<Integer> numbers =
                new ArrayList<>(IntStream.rangeClosed(1, 30).boxed().toList());
        Collections.shuffle(numbers, new Random(4));
        for (int number : numbers) {
            open(limiter, ip("10.0.0." + number), number);
        }
        assertThat(limiter.snapshot().topClients())
                .extracting(ClientUsage::openConnections)
                .containsExactly(30, 29, 28, 27, 26, 25, 24, 23, 22, 21);
        assertThat(limiter.snapshot(3).topClients())
                .extracting(usage -> usage.client().toString())
                .containsExactly("10.0.0.30/32", "10.0.0.29/32", "10.0.0.28/32");
        assertThat(limiter.snapshot(0).topClients()).isEmpty();
        assertThat(limiter.snapshot(1).topClients()).hasSize(1);
        assertThat(limiter.snapshot(30).topClients()).hasSize(30);
        assertThat(limiter.snapshot(Integer.MAX_VALUE).topClients()).hasSize(30);
        assertThat(limiter.snapshot(0).clients()).isEqualTo(30);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> limiter.snapshot(-1))
                .withMessage("topClients: -1 is not allowed; a whole number from 0");
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> limiter.snapshot().topClients().clear());
    }

    /** A rule that holds for exactly the first address of a client holds for another client, and is not its limit. */
    @Test
    void theLimitInTheFiguresIsThatOfTheClient() {
        ConnectionLimiter limiter = limiter(
                ConnectionLimits.builder()
                        .maxPerClient(9)
                        .ipv4Prefix(24)
                        .rules("2001:db8::/32=5, 2001:db8::=1, 10.0.0.0=2"),
                listener);
        open(limiter, ip("2001:db8::7"), 1);
        open(limiter, ip("10.0.0.7"), 2);
        assertThat(limiter.snapshot().topClients())
                .containsExactly(
                        new ClientUsage(Cidr.parse("10.0.0.0/24"), 2, 0, 0, 9),
                        new ClientUsage(Cidr.parse("2001:db8::/64"), 1, 0, 0, 5));
        permits.forEach(ConnectionPermit::close);
        assertThat(listener.events)
                .endsWith("closed: 2001:db8:0:0:0:0:0:0/64 0/5", "closed: 10.0.0.0/24 1/9", "closed: 10.0.0.0/24 0/9");
    }

    @Test
    void nothingStaysBehind() {
        ConnectionLimiter limiter = limiter(ConnectionLimits.builder().maxPerClient(1));
        for (int i = 0; i < 100_000; i++) {
            permits.add(limiter.tryAcquire(Addresses.ipv6(0x2001_0db8L << 32 | i, i))
                    .orElseThrow());
        }
        assertThat(limiter.snapshot(1).clients()).isEqualTo(100_000);
        Collections.shuffle(permits, new Random(5));
        permits.forEach(ConnectionPermit::close);
        assertThat(limiter.snapshot()).isEqualTo(Counts.snapshot(0, 0, 100_000, 0, List.of()));
    }
}
