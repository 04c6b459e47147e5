package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The limits of whole networks. */
class NetworksTest {

    private final RecordingListener listener = new RecordingListener();
    private final ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults(), listener);
    private final Map<InetAddress, Deque<ConnectionPermit>> permits = new LinkedHashMap<>();

    @AfterEach
    void nothingStays() {
        permits.values().forEach(held -> held.forEach(ConnectionPermit::close));
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
        assertThat(limiter.snapshot(1000).topNetworks()).isEmpty();
    }

    private void networks(String networkLimits) {
        limiter.reconfigure(limits ->
                limits.toBuilder().maxPerClient(5).networkLimits(networkLimits).build());
    }

    private boolean connects(String client) {
        InetAddress address = Addresses.ip(client);
        Optional<ConnectionPermit> permit = limiter.tryAcquire(address);
        permit.ifPresent(permits.computeIfAbsent(address, any -> new ArrayDeque<>())::push);
        return permit.isPresent();
    }

    private int connect(String client, int attempts) {
        int admitted = 0;
        for (int i = 0; i < attempts; i++) {
            admitted += connects(client) ? 1 : 0;
        }
        return admitted;
    }

    private void close(String client) {
        permits.get(Addresses.ip(client)).pop().close();
    }

    private List<String> top() {
        return limiter.snapshot(100).topNetworks().stream()
                .map(usage -> usage.network() + " " + usage.openConnections() + "/" + usage.limit())
                .toList();
    }

    @Test
    void allClientsOfANetworkHaveALimitTogether() {
        networks("ipv4/24=7");
        assertThat(connect("192.0.2.1", 9)).isEqualTo(5);
        assertThat(connect("192.0.2.2", 9)).isEqualTo(2);
        assertThat(connect("192.0.2.3", 9)).isZero();
        assertThat(connect("192.0.3.1", 9)).isEqualTo(5);
        assertThat(limiter.snapshot().refusals())
                .containsEntry(RefusalReason.CONNECTIONS, 4L + 4)
                .containsEntry(RefusalReason.NETWORK, 7L + 9);
        assertThat(limiter.snapshot().refusedNetwork()).isEqualTo(16);

        close("192.0.2.1");
        assertThat(connect("192.0.2.3", 9)).isEqualTo(1);
        assertThat(top()).containsExactly("192.0.2.0/24 7/7", "192.0.3.0/24 5/7");
    }

    @Test
    void saysWhy() {
        networks("ipv4/24=1");
        assertThat(connect("192.0.2.1", 1)).isEqualTo(1);
        assertThat(connect("192.0.2.2", 1)).isZero();
        assertThat(listener.events).containsExactly("admitted: 192.0.2.1/32 1/5", "refused: 192.0.2.2/32 0/5 NETWORK");
    }

    @Test
    void severalLengthsHoldAtOnce() {
        networks("ipv4/16=6, ipv6/48=3, ipv4/24=4, ipv6/32=5");
        assertThat(connect("192.0.2.1", 9)).isEqualTo(4);
        assertThat(connect("192.0.3.1", 9)).isEqualTo(2);
        assertThat(connect("192.1.3.1", 9)).isEqualTo(4);
        assertThat(connect("2001:db8:1:1::1", 9)).isEqualTo(3);
        assertThat(connect("2001:db8:1:2::1", 9)).isZero();
        assertThat(connect("2001:db8:2:1::1", 9)).isEqualTo(2);
        assertThat(connect("2001:db9:2:1::1", 9)).isEqualTo(3);
        assertThat(top())
                .containsExactlyInAnyOrder(
                        "192.0.0.0/16 6/6",
                        "192.0.2.0/24 4/4",
                        "192.0.3.0/24 2/4",
                        "192.1.0.0/16 4/6",
                        "192.1.3.0/24 4/4",
                        "2001:db8:0:0:0:0:0:0/32 5/5",
                        "2001:db8:1:0:0:0:0:0/48 3/3",
                        "2001:db8:2:0:0:0:0:0/48 2/3",
                        "2001:db9:0:0:0:0:0:0/32 3/5",
                        "2001:db9:2:0:0:0:0:0/48 3/3");
        // The fullest first.
        assertThat(top().subList(8, 10)).containsExactly("2001:db9:0:0:0:0:0:0/32 3/5", "192.0.3.0/24 2/4");
        close("192.0.2.1");
        // Refused by the /24 only, then by neither.
        assertThat(connect("192.1.3.1", 1)).isZero();
        assertThat(connect("192.0.3.1", 9)).isEqualTo(1);
    }

    @Test
    void aRefusalOfOneLengthCountsInNone() {
        networks("ipv4/16=2, ipv4/24=1");
        assertThat(connect("192.0.2.1", 5)).isEqualTo(1);
        assertThat(connect("192.0.3.1", 5)).isEqualTo(1);
        assertThat(connect("192.0.4.1", 5)).isZero();
        assertThat(top()).containsExactlyInAnyOrder("192.0.0.0/16 2/2", "192.0.2.0/24 1/1", "192.0.3.0/24 1/1");
    }

    @Test
    void exemptClientsCountForNone() {
        limiter.reconfigure(ConnectionLimits.builder()
                .maxPerClient(5)
                .networkLimits("ipv4/24=2")
                .exempt("192.0.2.9")
                .build());
        assertThat(connect("192.0.2.9", 9)).isEqualTo(9);
        assertThat(connect("192.0.2.1", 9)).isEqualTo(2);
        assertThat(connect("192.0.2.9", 9)).isEqualTo(9);
        assertThat(top()).containsExactly("192.0.2.0/24 2/2");
        // What it has counts from its next connection on, as for the figure of the largest client.
        limiter.reconfigure(limits -> limits.toBuilder()
                .rules("")
                .maxPerClient(0)
                .networkLimits("ipv4/24=21")
                .build());
        assertThat(connect("192.0.2.9", 9)).isEqualTo(1);
        assertThat(top()).containsExactly("192.0.2.0/24 21/21");
        assertThat(connect("192.0.2.1", 9)).isZero();
        limiter.reconfigure(limits -> limits.toBuilder().exempt("192.0.2.9").build());
        assertThat(connect("192.0.2.9", 1)).isEqualTo(1);
        assertThat(top()).containsExactly("192.0.2.0/24 2/21");
        close("192.0.2.9");
        assertThat(top()).containsExactly("192.0.2.0/24 2/21");
    }

    @Test
    void isOnlyReportedInADryRun() {
        networks("ipv4/24=2");
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        assertThat(connect("192.0.2.1", 5)).isEqualTo(5);
        assertThat(limiter.snapshot().dryRunRefusals()).containsEntry(RefusalReason.NETWORK, 3L);
        assertThat(top()).containsExactly("192.0.2.0/24 5/2");
    }

    @Test
    void isOnlyCountedOnAQuietServer() {
        networks("ipv4/24=2");
        limiter.reconfigure(limits -> limits.toBuilder().enforceAbove(4).build());
        assertThat(connect("192.0.2.1", 5)).isEqualTo(4);
        assertThat(connect("192.0.3.1", 5)).isEqualTo(2);
    }

    @Test
    void changesLive() {
        assertThat(connect("192.0.2.1", 4)).isEqualTo(4);
        assertThat(connect("192.0.3.1", 2)).isEqualTo(2);
        assertThat(top()).isEmpty();
        // Those that are open already count.
        networks("ipv4/24=5");
        assertThat(top()).containsExactly("192.0.2.0/24 4/5", "192.0.3.0/24 2/5");
        assertThat(connect("192.0.2.2", 5)).isEqualTo(1);
        networks("ipv4/16=10, ipv4/24=7");
        assertThat(top()).containsExactly("192.0.2.0/24 5/7", "192.0.0.0/16 7/10", "192.0.3.0/24 2/7");
        assertThat(connect("192.0.2.3", 5)).isEqualTo(2);
        assertThat(connect("192.0.3.1", 5)).isEqualTo(1);
        networks("ipv4/16=9");
        assertThat(top()).containsExactly("192.0.0.0/16 10/9");
        close("192.0.2.3");
        assertThat(connect("192.0.2.2", 5)).isZero();
        close("192.0.2.3");
        assertThat(connect("192.0.2.2", 5)).isEqualTo(1);
        networks("");
        assertThat(top()).isEmpty();
        assertThat(connect("192.0.2.3", 5)).isEqualTo(5);
        networks("ipv4/24=1");
        close("192.0.2.1");
        assertThat(top()).containsExactly("192.0.2.0/24 10/1", "192.0.3.0/24 3/1");
    }

    @Test
    void aClientThatIsWiderThanANetworkIsInNone() {
        limiter.reconfigure(ConnectionLimits.builder().ipv4Prefix(16).build());
        assertThat(connect("192.0.2.1", 3)).isEqualTo(3);
        limiter.reconfigure(
                ConnectionLimits.builder().networkLimits("ipv4/24=2, ipv4/8=5").build());
        assertThat(top()).containsExactly("192.0.0.0/8 3/5");
        assertThat(connect("192.0.2.1", 5)).isEqualTo(2);
        permits.values().forEach(held -> held.pollLast().close());
        assertThat(top()).containsExactly("192.0.2.0/24 2/2", "192.0.0.0/8 4/5");
    }

    /** Against sums made anew after each step, with changes of everything. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void countsWhatIsOpen(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<String> some = List.of("", "ipv4/24=9", "ipv4/16=30", "ipv4/24=20, ipv4/16=30, ipv6/48=9", "ipv6/32=40");
        String inForce = "";
        for (int step = 0; step < 3_000; step++) {
            String client = random.nextBoolean()
                    ? "192." + random.nextInt(2) + "." + random.nextInt(3) + "." + random.nextInt(4)
                    : "2001:db8:" + random.nextInt(3) + ":" + random.nextInt(4) + "::1";
            Deque<ConnectionPermit> held = permits.get(Addresses.ip(client));
            if (random.nextInt(100) == 0) {
                inForce = some.get(random.nextInt(some.size()));
                networks(inForce);
            } else if (random.nextInt(3) > 0) {
                connects(client);
            } else if (held != null && !held.isEmpty()) {
                held.pop().close();
            }
            assertThat(top()).containsExactlyInAnyOrderElementsOf(sums(inForce));
        }
    }

    private List<String> sums(String networkLimits) {
        Map<String, Integer> sums = new HashMap<>();
        for (NetworkLimit limit : NetworkLimit.All.parse(networkLimits).limits()) {
            permits.forEach((client, held) -> {
                IpAddress ip = IpAddress.of(client);
                Client one = new Client(ip, IpAddress.BITS);
                if (one.isIpv4() == limit.ipv4()) {
                    sums.merge(one.around(limit.prefix()).cidr() + " %d/" + limit.limit(), held.size(), Integer::sum);
                }
            });
        }
        sums.values().removeIf(open -> open == 0);
        return sums.entrySet().stream()
                .map(sum -> String.format(sum.getKey(), sum.getValue()))
                .toList();
    }

    /** Threads that come and go at once, and others that change the lengths. */
    @ParameterizedTest
    @CsvSource({"'ipv4/24=10', 10, 1000", "'ipv4/16=12', 1000, 12", "'ipv4/24=10, ipv4/16=12', 10, 12"})
    void isNeverExceededByManyAtOnce(String networkLimits, int most24, int most16) throws Exception {
        ConnectionLimiter contended = new ConnectionLimiter(ConnectionLimits.builder()
                .maxPerClient(4)
                .networkLimits(networkLimits)
                .build());
        AtomicIntegerArray held = new AtomicIntegerArray(3);
        AtomicBoolean stop = new AtomicBoolean();
        int threads = 4;
        ExecutorService executor = Executors.newFixedThreadPool(threads + 1);
        try {
            List<Future<Long>> all = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                SplittableRandom random = new SplittableRandom(i);
                all.add(executor.submit(() -> comeAndGo(contended, random, held, most24, most16)));
            }
            // Limits that change their numbers and lengths, and those that hold throughout.
            Future<?> changes = executor.submit(() -> {
                for (int i = 0; !stop.get(); i++) {
                    String more = i % 2 == 0 ? "" : ", ipv4/" + (9 + i % 5) + "=100000";
                    contended.reconfigure(limits -> limits.toBuilder()
                            .networkLimits(networkLimits + more)
                            .build());
                }
            });
            long admitted = 0;
            for (Future<Long> one : all) {
                admitted += one.get(120, TimeUnit.SECONDS);
            }
            stop.set(true);
            changes.get(60, TimeUnit.SECONDS);
            assertThat(admitted).isGreaterThan(1_000);
        } finally {
            executor.shutdownNow();
        }
        assertThat(contended.snapshot().openConnections()).isZero();
        assertThat(contended.snapshot().topNetworks()).isEmpty();
    }

    /** Counts what it holds after it was admitted and until before it is closed: no more than the limiter counts. */
    private static long comeAndGo(
            ConnectionLimiter limiter, SplittableRandom random, AtomicIntegerArray held, int most24, int most16) {
        long admitted = 0;
        Deque<ConnectionPermit> permits = new ArrayDeque<>();
        Deque<Integer> networks = new ArrayDeque<>();
        for (int i = 0; i < 60_000; i++) {
            if (random.nextBoolean()) {
                int network = random.nextInt(2);
                Optional<ConnectionPermit> permit =
                        limiter.tryAcquire(Addresses.ipv4(0x0a00_0000 + (network << 8) + random.nextInt(8)));
                if (permit.isPresent()) {
                    admitted++;
                    permits.push(permit.get());
                    networks.push(network);
                    assertThat(held.incrementAndGet(network)).isLessThanOrEqualTo(most24);
                    assertThat(held.incrementAndGet(2)).isLessThanOrEqualTo(most16);
                }
            } else if (!permits.isEmpty()) {
                held.decrementAndGet(networks.pop());
                held.decrementAndGet(2);
                permits.pop().close();
            }
        }
        while (!permits.isEmpty()) {
            held.decrementAndGet(networks.pop());
            held.decrementAndGet(2);
            permits.pop().close();
        }
        return admitted;
    }

    @Test
    void forgetsANetworkWithItsLastConnection() {
        Networks networks =
                Networks.of(NetworkLimit.All.parse("ipv4/24=5, ipv4/16=5").limits(), null);
        ClientTable table = new ClientTable();
        table.networks(networks);
        List<Client> clients = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
            Client client = new Client(IpAddress.of(Addresses.ipv4(i << 8)), IpAddress.BITS);
            ClientTable.Part part = table.part(client.hash());
            synchronized (part) {
                networks.count(client, full -> part.countUp(client, false));
            }
            clients.add(client);
        }
        assertThat(size(networks)).isEqualTo(1_000 + 4);
        clients.forEach(table::countDown);
        assertThat(size(networks)).isZero();
    }

    private static int size(Networks networks) {
        List<Client> all = new ArrayList<>();
        networks.forEach((network, limit) -> all.add(network));
        return all.size();
    }

    /** Counting fails where it allocates, and then has counted nothing. */
    @Test
    void anErrorWhileCountingLeavesNoNetworkBehind() {
        Networks networks =
                Networks.of(NetworkLimit.All.parse("ipv4/24=5, ipv4/16=5").limits(), null);
        Client client = new Client(IpAddress.of(Addresses.ipv4(1)), IpAddress.BITS);
        try {
            networks.count(client, full -> {
                throw new OutOfMemoryError("made up");
            });
        } catch (OutOfMemoryError madeUp) {
            assertThat(madeUp).hasMessage("made up");
        }
        assertThat(size(networks)).isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "24=5",
                "ipv4/24",
                "ipv4/24=",
                "ipv4/24=0",
                "ipv4/24=-1",
                "ipv4/32=5",
                "ipv4/0=5",
                "ipv6/128=5",
                "ipv5/24=5",
                "ipv4/24=5,",
                "ipv4/24=5, ipv4/24=6",
                "ipv4/24=2147483648",
                "ipv4/24=unlimited"
            })
    void refusesWhatIsNoLimitOfNetworks(String text) {
        ConnectionLimits.Builder builder = ConnectionLimits.builder();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> builder.networkLimits(text))
                .withMessage("networkLimits: \"" + text + "\" is not allowed; lengths with their limits as in"
                        + " \"ipv4/24=400, ipv6/48=800\", each length once, from 1 to 31 or 127, each limit 1 or more");
        assertThat(builder.build()).isEqualTo(ConnectionLimits.defaults());
    }

    @ParameterizedTest
    @CsvSource({"'ipv6/64=5', ipv6/64=5, ipv6Prefix, 64", "'ipv4/8=5, ipv4/31=5, ipv6/48=5', ipv4/31=5, ipv4Prefix, 24"
    })
    void refusesALengthThatIsNoShorterThanThatOfAClient(String text, String bad, String setting, int length) {
        ConnectionLimits.Builder builder =
                ConnectionLimits.builder().ipv4Prefix(24).networkLimits(text);
        assertThatIllegalArgumentException()
                .isThrownBy(builder::build)
                .withMessage("networkLimits: \"" + bad + "\" is not allowed; its length has to be less than " + setting
                        + ", which is " + length);
        assertThatIllegalArgumentException().isThrownBy(() -> limiter.reconfigure(limits -> builder.build()));
        assertThat(limiter.limits()).isEqualTo(ConnectionLimits.defaults());
    }

    @Test
    void readsAndPrintsThem() {
        ConnectionLimits limits = ConnectionLimits.builder()
                .networkLimits(" ipv6/48 = 800,ipv4/24=400 ,ipv4/8=5")
                .build();
        assertThat(limits.networkLimits()).isEqualTo("ipv4/8=5, ipv4/24=400, ipv6/48=800");
        assertThat(ConnectionLimits.builder()
                        .networkLimits(limits.networkLimits())
                        .build())
                .isEqualTo(limits);
    }
}
