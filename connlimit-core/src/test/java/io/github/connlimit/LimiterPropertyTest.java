package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Any operations one after another, over any limits: the counts are those of a model that only adds up. */
class LimiterPropertyTest {

    private static final List<InetAddress> ADDRESSES = List.of(
            ip("10.0.0.0"),
            ip("10.0.0.1"),
            ip("10.0.0.2"),
            ip("11.0.0.1"),
            ip("::1"),
            ip("2001:db8::1"),
            ip("2001:db8::2"),
            ip("2001:db8:1::1"),
            Addresses.ipv6WithScope(0x2001_0db8_0000_0000L, 1, 3),
            Addresses.ipv6WithScope(0, 0xffff_0a00_0001L, 3));

    private static final List<String> BLOCKS = List.of(
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.0.0.0/31",
            "10.0.0.1/32",
            "::/0",
            "::/1",
            "2001:db8::/32",
            "2001:db8::/127",
            "2001:db8::1/128");

    /** What the model does, and the gate. */
    private enum Kind {
        ADMIT,
        ADMIT_PENDING,
        HANDSHAKE_COMPLETED,
        ESTABLISHED,
        RELEASE,
        REASSIGN,
        BEGIN_STREAM,
        END_STREAM,
        RECONFIGURE,
        WAIT
    }

    /**
     * @param address whose connection it is, if one is to be admitted or reassigned
     * @param choice which of the connections there are, or of the limits, or how many seconds pass
     */
    private record Step(Kind kind, int address, int choice) {}

    /** The client of an address: the leading bits, as a number, and how many they are. */
    private record Key(boolean ipv4, int prefix, BigInteger bits) {

        static Key of(InetAddress address, int prefix) {
            byte[] bytes = bytes(address);
            return new Key(bytes.length == 4, prefix, new BigInteger(1, bytes).shiftRight(bytes.length * 8 - prefix));
        }

        /** An IPv4-mapped address is the IPv4 address it maps. */
        private static byte[] bytes(InetAddress address) {
            byte[] bytes = address.getAddress();
            boolean mapped = bytes.length == 16
                    && new BigInteger(1, bytes).shiftRight(32).intValue() == 0xffff;
            return mapped && new BigInteger(1, bytes).bitLength() == 48
                    ? new byte[] {bytes[12], bytes[13], bytes[14], bytes[15]}
                    : bytes;
        }

        Key around(int shorter) {
            return new Key(ipv4, shorter, bits.shiftRight(prefix - shorter));
        }

        boolean isIn(Key block) {
            return ipv4 == block.ipv4
                    && prefix >= block.prefix
                    && around(block.prefix).bits.equals(block.bits);
        }
    }

    private static final class Connection {

        private final InetAddress peer;
        private final Integer channel;
        private final Deque<ConnectionPermit.Stream> streams = new ArrayDeque<>();
        private Key client;
        private boolean pending;

        private Connection(InetAddress peer, Key client, Integer channel, boolean pending) {
            this.peer = peer;
            this.client = client;
            this.channel = channel;
            this.pending = pending;
        }
    }

    /** @param networks the limit of each length, as {@code ipv4/8} */
    private record More(Map<String, Integer> networks, Rate rate, int enforceAbove) {}

    /** The settings that a model needs, and the limits made of them. */
    private record Config(
            int limit,
            int ipv4Prefix,
            int ipv6Prefix,
            Map<String, Integer> rules,
            int maxPending,
            int reserved,
            int maxTotal,
            boolean dryRun,
            More more) {

        ConnectionLimits limits() {
            ConnectionLimits.Builder builder = ConnectionLimits.builder()
                    .maxPerClient(limit)
                    .ipv4Prefix(ipv4Prefix)
                    .ipv6Prefix(ipv6Prefix)
                    .maxPendingPerClient(maxPending)
                    .reservedConnections(reserved)
                    .maxTotal(maxTotal)
                    .enforceAbove(enforceAbove())
                    .networkLimits(networks().entrySet().stream()
                            .map(Map.Entry::toString)
                            .collect(Collectors.joining(", ")))
                    .maxRatePerClient(rate().toString())
                    .dryRun(dryRun);
            rules.forEach(builder::limit);
            return builder.build();
        }

        private static Key block(String rule) {
            String[] parts = rule.split("/");
            return Key.of(ip(parts[0]), Integer.parseInt(parts[1]));
        }

        /** The rule with the longest prefix for all of the client. */
        private Optional<String> rule(Key client) {
            return rules.keySet().stream()
                    .filter(rule -> client.isIn(block(rule)))
                    .max((one, other) -> Integer.compare(block(one).prefix, block(other).prefix));
        }

        /** Where a rule may exempt all clients of a family, a limiter may forget their rates: here, there are none then. */
        private Rate rate() {
            boolean all = Stream.of("0.0.0.0/0", "::/0").anyMatch(block -> rules.getOrDefault(block, 1) == 0);
            return all ? Rate.UNLIMITED : more.rate;
        }

        private int limit(Key client) {
            return rule(client).map(rules::get).orElse(limit);
        }

        private boolean exempt(Key client) {
            return rule(client).map(rules::get).orElse(-1) == 0;
        }

        private int enforceAbove() {
            return maxTotal > 0 ? Math.min(more.enforceAbove, maxTotal - 1) : more.enforceAbove;
        }

        /** Those of more than one client. */
        private Map<String, Integer> networks() {
            Map<String, Integer> networks = new LinkedHashMap<>(more.networks);
            networks.keySet().removeIf(name -> length(name) >= (isIpv4(name) ? ipv4Prefix : ipv6Prefix));
            return networks;
        }

        private static boolean isIpv4(String network) {
            return network.startsWith("ipv4");
        }

        private static int length(String network) {
            return Integer.parseInt(network.substring("ipv4/".length()));
        }

        /** The networks that a client counts in, with their limits. One from before a change may be larger than they are. */
        Map<Key, Integer> networks(Key client) {
            Map<Key, Integer> networks = new HashMap<>();
            networks().forEach((name, most) -> {
                if (isIpv4(name) == client.ipv4 && length(name) <= client.prefix) {
                    networks.put(client.around(length(name)), most);
                }
            });
            return networks;
        }

        Key client(InetAddress address) {
            int bits = Key.bytes(address).length * 8;
            int prefix = bits == 32 ? ipv4Prefix : ipv6Prefix;
            int longest =
                    rule(Key.of(address, bits)).map(rule -> block(rule).prefix).orElse(0);
            return Key.of(address, Math.max(prefix, longest));
        }
    }

    private Config config;
    private ConnectionLimiter limiter;
    private ConnectionGate<Integer> gate;
    private final List<Connection> connections = new ArrayList<>();

    /** Whether each client was exempt when it opened its latest connection. */
    private final Map<Key, Boolean> exempt = new HashMap<>();

    /** When the bucket of each client that has taken tokens from one is full again. */
    private final Map<Key, Long> full = new HashMap<>();

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - TimeUnit.SECONDS.toNanos(10));
    private int channels;

    @Property(tries = 300)
    void countsAreThoseOfTheModel(@ForAll("configs") List<Config> configs, @ForAll("steps") List<Step> steps) {
        config = configs.get(0);
        limiter = new ConnectionLimiter(config.limits(), nanos::get, new RecordingLogger());
        gate = new ConnectionGate<>(limiter);
        exempt.clear();
        full.clear();
        for (Step step : steps) {
            run(step, configs);
            check();
        }
        connections.forEach(
                connection -> assertThat(gate.release(connection.channel)).isTrue());
        connections.clear();
        check();
    }

    private void run(Step step, List<Config> configs) {
        switch (step.kind) {
            case ADMIT -> admit(ADDRESSES.get(step.address), false);
            case ADMIT_PENDING -> admit(ADDRESSES.get(step.address), true);
            case REASSIGN -> {
                if (!connections.isEmpty()) {
                    reassign(connections.get(step.choice % connections.size()), ADDRESSES.get(step.address));
                }
            }
            case RECONFIGURE -> {
                config = configs.get(step.choice % configs.size());
                limiter.reconfigure(config.limits());
                if (config.rate().isUnlimited()) {
                    full.clear();
                }
            }
            case WAIT -> nanos.addAndGet(TimeUnit.SECONDS.toNanos(step.choice));
            default -> {
                if (!connections.isEmpty()) {
                    run(step.kind, connections.get(step.choice % connections.size()));
                }
            }
        }
    }

    private void run(Kind kind, Connection connection) {
        switch (kind) {
            case HANDSHAKE_COMPLETED -> {
                gate.handshakeCompleted(connection.channel);
                connection.pending = false;
            }
            case ESTABLISHED -> {
                gate.established(connection.channel);
                connection.pending = false;
            }
            case RELEASE -> {
                assertThat(gate.release(connection.channel)).isTrue();
                assertThat(gate.release(connection.channel)).isFalse();
                connections.remove(connection);
            }
            case BEGIN_STREAM -> beginStream(connection);
            default -> {
                if (!connection.streams.isEmpty()) {
                    ConnectionPermit.Stream stream = connection.streams.pop();
                    stream.close();
                    stream.close();
                }
            }
        }
    }

    private void admit(InetAddress address, boolean pending) {
        Key client = config.client(address);
        boolean expected = hasRoom(client, pending, config.maxTotal);
        Integer channel = channels++;
        boolean admitted =
                pending ? gate.admit(channel, address, ConnectionPhase.HANDSHAKE) : gate.admit(channel, address);
        assertThat(admitted).isEqualTo(expected);
        if (admitted) {
            connections.add(new Connection(address, client, channel, pending));
            exempt.put(client, config.exempt(client));
        }
    }

    /**
     * Whether one more may come, which then takes a token.
     *
     * @param maxTotal how many connections may be there before this one; 0 for any number
     */
    private boolean hasRoom(Key client, boolean pending, int maxTotal) {
        int limit = config.limit(client);
        long open =
                connections.stream().filter(one -> one.client.equals(client)).count();
        boolean exempts = config.exempt(client);
        boolean proves = pending && config.maxPending > 0 && !exempts;
        boolean ofClient = (limit == 0 || open < limit)
                && (!proves || pending(client) < config.maxPending)
                && (exempts
                        || config.networks(client).entrySet().stream()
                                .allMatch(one -> open(one.getKey()) < one.getValue()));
        boolean ofAll = maxTotal == 0 || exempts || connections.size() < maxTotal;
        // What is refused for another limit takes no token.
        boolean room = (ofClient || !isEnforced()) && ofAll && (exempts || takesToken(client) || !isEnforced());
        return room || config.dryRun;
    }

    private boolean isEnforced() {
        return connections.size() >= config.enforceAbove();
    }

    /** How many connections count in a network. */
    private long open(Key network) {
        return connections.stream()
                .filter(one -> !exempt.get(one.client) && one.client.isIn(network))
                .count();
    }

    private boolean takesToken(Key client) {
        Rate rate = config.rate();
        if (rate.isUnlimited()) {
            return true;
        }
        long now = nanos.get();
        long missing = Math.max(0, full.getOrDefault(client, now) - now);
        missing = Math.min(missing, rate.burst() * rate.nanosPerToken());
        boolean taken = missing + rate.nanosPerToken() <= rate.burst() * rate.nanosPerToken();
        full.put(client, now + missing + (taken ? rate.nanosPerToken() : 0));
        return taken;
    }

    private void reassign(Connection connection, InetAddress address) {
        if (!config.exempt(config.client(connection.peer))) {
            assertThat(gate.reassign(connection.channel, connection.peer, address))
                    .isTrue();
            return;
        }
        Key client = config.client(address);
        // It is one of those that are there.
        boolean expected = hasRoom(client, connection.pending, config.maxTotal == 0 ? 0 : config.maxTotal + 1);
        assertThat(gate.reassign(connection.channel, connection.peer, address)).isEqualTo(expected);
        if (expected) {
            connection.client = client;
            connection.streams.clear();
            exempt.put(client, config.exempt(client));
        }
    }

    private void beginStream(Connection connection) {
        int limit = config.limit(connection.client);
        boolean expected = config.dryRun
                || !connection.streams.isEmpty()
                || limit == 0
                || config.reserved == 0
                || !isEnforced()
                || streams(connection.client) < limit - config.reserved;
        Optional<ConnectionPermit.Stream> stream =
                gate.permit(connection.channel).orElseThrow().tryBeginStream();
        assertThat(stream.isPresent()).isEqualTo(expected);
        stream.ifPresent(connection.streams::push);
    }

    private long pending(Key client) {
        return connections.stream()
                .filter(one -> one.client.equals(client) && one.pending)
                .count();
    }

    private long streams(Key client) {
        return connections.stream()
                .filter(one -> one.client.equals(client) && !one.streams.isEmpty())
                .count();
    }

    private void check() {
        Map<Key, Long> open = connections.stream()
                .collect(Collectors.groupingBy(connection -> connection.client, Collectors.counting()));
        LimiterSnapshot totals = limiter.snapshot(0);
        assertThat(totals.largestClient())
                .isEqualTo(open.keySet().stream()
                        .filter(client -> !exempt.get(client))
                        .mapToLong(open::get)
                        .max()
                        .orElse(0));
        assertThat(totals.pendingConnections())
                .isEqualTo(connections.stream().filter(one -> one.pending).count());
        assertThat(totals.streams())
                .isEqualTo(connections.stream()
                        .filter(one -> !one.streams.isEmpty())
                        .count());
        for (InetAddress address : ADDRESSES) {
            assertThat((long) limiter.openConnections(address))
                    .isEqualTo(open.getOrDefault(config.client(address), 0L));
        }
        LimiterSnapshot snapshot = limiter.snapshot(1000);
        assertThat(snapshot.openConnections()).isEqualTo(connections.size());
        assertThat(snapshot.clients()).isEqualTo(open.size());
        assertThat(gate.openConnections()).isEqualTo(connections.size());
        Map<Key, String> expected = new HashMap<>();
        open.forEach((client, count) ->
                expected.put(client, text(count, pending(client), streams(client), config.limit(client))));
        Map<Key, String> shown = new HashMap<>();
        snapshot.topClients()
                .forEach(usage -> shown.put(
                        Key.of(usage.client().address(), usage.client().prefixLength()),
                        text(usage.openConnections(), usage.pendingConnections(), usage.streams(), usage.limit())));
        assertThat(shown).isEqualTo(expected);
        Map<Key, String> networks = new HashMap<>();
        open.keySet().stream()
                .filter(client -> !exempt.get(client))
                .forEach(client -> config.networks(client)
                        .forEach((network, most) -> networks.put(network, open(network) + " open, limit " + most)));
        Map<Key, String> shownNetworks = new HashMap<>();
        snapshot.topNetworks()
                .forEach(usage -> shownNetworks.put(
                        Key.of(usage.network().address(), usage.network().prefixLength()),
                        usage.openConnections() + " open, limit " + usage.limit()));
        assertThat(shownNetworks).isEqualTo(networks);
    }

    private static String text(long open, long pending, long streams, int limit) {
        return open + " open, " + pending + " pending, " + streams + " streams, limit " + limit;
    }

    @Provide
    Arbitrary<List<Step>> steps() {
        return Combinators.combine(
                        Arbitraries.of(Kind.class),
                        Arbitraries.integers().between(0, ADDRESSES.size() - 1),
                        Arbitraries.integers().between(0, 30))
                .as(Step::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(80);
    }

    @Provide
    Arbitrary<List<Config>> configs() {
        Arbitrary<Config> low = config(Arbitraries.integers().between(0, 3), 0);
        Arbitrary<Config> reserving = config(Arbitraries.of(0, 7, 8), 1);
        return Arbitraries.oneOf(low, reserving).list().ofMinSize(1).ofMaxSize(3);
    }

    private static Arbitrary<Config> config(Arbitrary<Integer> limits, int reserved) {
        Arbitrary<Map<String, Integer>> rules =
                Arbitraries.maps(Arbitraries.of(BLOCKS), limits).ofMaxSize(4).map(LinkedHashMap::new);
        return Combinators.combine(
                        limits,
                        Arbitraries.of(0, 8, 31, 32),
                        Arbitraries.of(0, 48, 64, 127, 128),
                        rules,
                        Arbitraries.integers().between(0, 2),
                        Arbitraries.of(0, 0, 1, 3, 6),
                        Arbitraries.of(false, false, false, true),
                        more())
                .as((limit, ipv4, ipv6, all, pending, total, dryRun, more) ->
                        new Config(limit, ipv4, ipv6, all, pending, reserved, total, dryRun, more));
    }

    private static Arbitrary<More> more() {
        Arbitrary<Map<String, Integer>> networks = Arbitraries.maps(
                        Arbitraries.of("ipv4/7", "ipv4/8", "ipv4/31", "ipv6/32", "ipv6/48", "ipv6/127"),
                        Arbitraries.integers().between(1, 6))
                .ofMaxSize(3)
                .map(LinkedHashMap::new);
        Arbitrary<Rate> rates =
                Arbitraries.of("0", "0", "0", "6/m", "6/m,2", "1/s,3", "20/m,4").map(Rate::parse);
        return Combinators.combine(networks, rates, Arbitraries.of(0, 0, 0, 2, 5))
                .as(More::new);
    }
}
