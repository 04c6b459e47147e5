package io.github.connlimit.benchmarks.server;

import io.github.connlimit.benchmarks.Report;
import io.github.connlimit.benchmarks.Series;
import io.github.connlimit.benchmarks.load.LoadResult;
import io.github.connlimit.benchmarks.load.Workload;
import io.github.connlimit.benchmarks.serve.Protection;
import io.github.connlimit.benchmarks.serve.ServerKind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** An attack: what is left for the others, by what protects the server. */
final class AttackPart {

    /** Who attacks. */
    enum Attack {

        /** One client that keeps as many connections as it can, and comes again at once. */
        FLOOD("server-attack.md", Front.Limit.CLIENT, LIMIT, List.of(Front.Kind.values()), List.of(false, true)),

        /** One client that stays below its limit, and makes one TLS handshake after the other. */
        RESTLESS(
                "server-attack-restless.md",
                Front.Limit.RATE,
                Protection.CONNECTIONS_PER_SECOND,
                List.of(Front.Kind.HAPROXY),
                List.of(true)),

        /** All clients of one network, each below its limit. */
        NETWORK(
                "server-attack-network.md",
                Front.Limit.NETWORK,
                Protection.PER_NETWORK,
                List.of(Front.Kind.HAPROXY),
                List.of(false, true)),

        /**
         * Clients below their limit, each of whose connections sends a header that never ends. In clear text: what its
         * handshakes cost has little to do with that.
         */
        HEADERS("server-attack-headers.md", Front.Limit.HEADER, LIMIT, List.of(Front.Kind.HAPROXY), List.of(false));

        private final String file;
        private final Front.Limit limitOfFront;
        private final int most;
        private final List<Front.Kind> fronts;

        /** Over TLS or not. */
        private final List<Boolean> transports;

        Attack(String file, Front.Limit limitOfFront, int most, List<Front.Kind> fronts, List<Boolean> transports) {
            this.file = file;
            this.limitOfFront = limitOfFront;
            this.most = most;
            this.fronts = fronts;
            this.transports = transports;
        }
    }

    private static final int LIMIT = 8;
    private static final int ATTACKER = 100_000;
    private static final int ATTACKER_OPEN = 400;
    private static final int ATTACKER_CONNECTING = 64;
    private static final int ATTACKER_REQUESTS = 10;

    /** The first address of an IPv4 /24, and how many of it attack. */
    private static final int NETWORK = 102_400;

    private static final int NETWORK_ADDRESSES = 250;
    private static final int NETWORK_OPEN = 1_000;
    private static final int RESTLESS_OPEN = 3;

    private static final int SLOW_ADDRESSES = 50;
    private static final int TRICKLE_MILLIS = 100;

    private static final int OTHERS = 50;
    private static final int OTHERS_PER_SECOND = 200;
    private static final int OTHERS_PER_SECOND_TLS = 100;
    private static final int OTHERS_OPEN = 200;

    /** So many that none of them comes to any limit. */
    private static final int WARMING = 2000;

    private static final int FIRST_WARMING = 10_000;

    private final Bench bench;
    private final Attack attack;

    AttackPart(Bench bench, Attack attack) {
        this.bench = bench;
        this.attack = attack;
    }

    /** A server, what protects it and, if that is a proxy, which. */
    private record Subject(ServerKind server, Protection protection, Optional<Front.Kind> front) {

        private String title(Front.Limit limit) {
            return front.map(kind -> kind.title(limit)).orElse(protection.title());
        }

        private int maxPerClient() {
            return protection == Protection.NONE ? 0 : LIMIT;
        }
    }

    /** A subject with its processes. */
    private record Running(ServerProcess server, Optional<Front> front) implements AutoCloseable {

        private int port() {
            return front.map(Front::port).orElse(server.port());
        }

        @Override
        public void close() throws IOException {
            try (server) {
                if (front.isPresent()) {
                    front.get().close();
                }
            }
        }
    }

    /**
     * What the other clients saw without and with the attack, and what the attacker got.
     *
     * @param alone the attack without the others
     */
    private record Outcome(LoadResult calm, LoadResult attacked, LoadResult attacker, Bench.Run alone) {}

    void run() throws IOException {
        Report report = new Report(
                "Under attack",
                description() + " Meanwhile " + OTHERS + " other clients together begin "
                        + OTHERS_PER_SECOND + " connections a second (over TLS " + OTHERS_PER_SECOND_TLS
                        + ", with a full handshake), each for one request. *Calm* is the same without the attacker, *alone* without the others. A "
                        + "connection or thread limit is " + LIMIT + " a client; a limit of requests is "
                        + Protection.REQUESTS_PER_SECOND + " a second for each client; a limit for all clients "
                        + "together is " + Protection.ALL_CLIENTS
                        + ". What has not been answered in the end counts with the time it had waited until then. A "
                        + "cell is the median of the rounds, with the smallest and the largest.");
        for (ServerKind server : bench.servers()) {
            for (boolean tls : attack.transports) {
                report.heading(server.title() + (tls ? ", TLS" : ", clear text"))
                        .table(table(server, tls));
            }
        }
        StringBuilder fronts = new StringBuilder();
        for (Front.Kind kind : Front.Kind.values()) {
            fronts.append(kind.version()).append(". ");
        }
        report.paragraph(fronts + "They run on the server's core, and end TLS. " + bench.remarks())
                .write(bench.results(), attack.file);
    }

    private String description() {
        return switch (attack) {
            case FLOOD ->
                "One client floods: it keeps up to " + ATTACKER_OPEN + " connections open (" + ATTACKER_CONNECTING
                        + " of them waiting for the server's first byte at most), does " + ATTACKER_REQUESTS
                        + " requests on each in clear text or 1 over TLS, one after the other, and opens another as "
                        + "soon as one has ended or was refused.";
            case RESTLESS ->
                "One client connects, does a full TLS handshake and one request, resets the connection and connects again, "
                        + RESTLESS_OPEN + " at a time. A limit of a client's rate is "
                        + Protection.CONNECTIONS_PER_SECOND + " connections a second.";
            case NETWORK ->
                NETWORK_ADDRESSES + " clients of one IPv4 /24 together keep up to " + NETWORK_OPEN
                        + " connections open, each no more than it may (" + ATTACKER_CONNECTING
                        + " of them all waiting for the server's first byte at most), do " + ATTACKER_REQUESTS
                        + " requests on each in clear text or 1 over TLS, and open another as soon as one has ended or "
                        + "was refused. A limit of a network is " + Protection.PER_NETWORK + " connections.";
            case HEADERS ->
                SLOW_ADDRESSES + " clients keep " + LIMIT
                        + " connections each, send a byte of a request's header every "
                        + TRICKLE_MILLIS + " ms, never end it, and open another connection as soon as one has ended. A "
                        + "limit of a header's time is " + Protection.HEADER_MILLIS + " ms.";
        };
    }

    private List<Protection> protections(ServerKind server) {
        return switch (attack) {
            case FLOOD -> protectionsFromFlood(server);
            case RESTLESS -> List.of(Protection.NONE, Protection.CONNLIMIT, Protection.RATE);
            case NETWORK -> List.of(Protection.NONE, Protection.CONNLIMIT, Protection.NETWORKS);
            // In Netty, where a header ends is up to the application.
            case HEADERS ->
                server == ServerKind.NETTY
                        ? List.of(Protection.NONE, Protection.CONNLIMIT)
                        : List.of(Protection.NONE, Protection.CONNLIMIT, Protection.HEADERS);
        };
    }

    private static List<Protection> protectionsFromFlood(ServerKind server) {
        return switch (server) {
            case JETTY ->
                List.of(
                        Protection.NONE,
                        Protection.THREAD_LIMIT,
                        Protection.DOS,
                        Protection.CONNLIMIT,
                        Protection.CONNLIMIT_CONNECTOR,
                        Protection.TARPIT);
            case TOMCAT ->
                List.of(
                        Protection.NONE,
                        Protection.SEMAPHORE,
                        Protection.RATE_LIMIT,
                        Protection.MAX_CONNECTIONS,
                        Protection.CONNLIMIT,
                        Protection.TARPIT);
            default -> List.of(Protection.NONE, Protection.CONNLIMIT, Protection.TARPIT);
        };
    }

    private List<Subject> subjects(ServerKind server) {
        List<Subject> subjects = new ArrayList<>();
        protections(server).forEach(protection -> subjects.add(new Subject(server, protection, Optional.empty())));
        if (server != ServerKind.TOMCAT_NIO2) {
            for (Front.Kind kind : attack.fronts) {
                if (kind.find().isPresent()) {
                    subjects.add(new Subject(server, Protection.NONE, Optional.of(kind)));
                }
            }
        }
        return subjects;
    }

    private Report.Table table(ServerKind server, boolean tls) throws IOException {
        List<Subject> subjects = subjects(server);
        Map<Subject, Running> running = new HashMap<>();
        Map<Subject, List<Outcome>> outcomes = new HashMap<>();
        try (LoadProcess others = bench.generator();
                LoadProcess attacker = bench.attacker()) {
            for (Subject subject : subjects) {
                System.out.println("attack: warming up " + server.title() + ", " + subject.title(attack.limitOfFront));
                running.put(subject, start(subject, tls));
                outcomes.put(subject, new ArrayList<>());
                warmUp(others, attacker, running.get(subject).port(), tls);
            }
            for (int i = 0; i < rounds(); i++) {
                List<Subject> order = new ArrayList<>(subjects);
                Collections.rotate(order, i);
                for (Subject subject : order) {
                    System.out.printf(
                            "attack: %s%s, round %d of %d, %s%n",
                            server.title(), tls ? ", TLS" : "", i + 1, rounds(), subject.title(attack.limitOfFront));
                    bench.valid(() -> attack(others, attacker, running.get(subject), tls), outcome -> isSane(outcome))
                            .ifPresent(outcomes.get(subject)::add);
                }
            }
        } finally {
            for (Running process : running.values()) {
                process.close();
            }
        }
        return table(subjects, outcomes);
    }

    private int rounds() {
        return Math.min(3, bench.rounds());
    }

    private Running start(Subject subject, boolean tls) throws IOException {
        boolean tlsAtServer = tls && subject.front().isEmpty();
        ServerProcess server = bench.start(subject.server(), subject.protection(), subject.maxPerClient(), tlsAtServer);
        if (subject.front().isEmpty()) {
            return new Running(server, Optional.empty());
        }
        try {
            Front.Kind kind = subject.front().get();
            Front front = kind.start(
                    kind.find().orElseThrow(), bench.cores(), server.port(), attack.limitOfFront, attack.most, tls);
            return new Running(server, Optional.of(front));
        } catch (IOException error) {
            server.close();
            throw error;
        }
    }

    private void warmUp(LoadProcess others, LoadProcess attacker, int port, boolean tls) throws IOException {
        // Also where the attacker is refused: a calm server must be as warm as one under attack.
        others.run(new Workload(port, tls, FIRST_WARMING, WARMING, 32, 32, 1, 0, 0, bench.millis(4000)));
        attacker.begin(flood(port, tls, bench.millis(1500)));
        others.run(others(port, tls, 0, bench.millis(1500)));
        attacker.await();
    }

    private Outcome attack(LoadProcess others, LoadProcess attacker, Running running, boolean tls) throws IOException {
        int port = running.port();
        LoadResult calm = others.run(others(port, tls, 0, bench.millis(1000)));
        attacker.begin(flood(port, tls, bench.millis(2400)));
        LoadResult attacked = others.run(others(port, tls, bench.millis(300), bench.millis(2000)));
        LoadResult got = attacker.await();
        Bench.Run alone = Bench.run(attacker, running.server(), flood(port, tls, bench.millis(1000)));
        return new Outcome(calm, attacked, got, alone);
    }

    private static boolean isSane(Outcome outcome) {
        return outcome.calm().completed() > 0
                && outcome.calm().failed() + outcome.attacked().failed() == 0;
    }

    private Workload flood(int port, boolean tls, int millis) {
        int requests = tls ? 1 : ATTACKER_REQUESTS;
        return switch (attack) {
            case FLOOD ->
                new Workload(port, tls, ATTACKER, 1, ATTACKER_OPEN, ATTACKER_CONNECTING, requests, 0, 0, millis);
            case RESTLESS -> new Workload(port, tls, ATTACKER, 1, RESTLESS_OPEN, RESTLESS_OPEN, 1, 0, 0, millis);
            case NETWORK ->
                new Workload(
                        port,
                        tls,
                        NETWORK,
                        NETWORK_ADDRESSES,
                        NETWORK_OPEN,
                        ATTACKER_CONNECTING,
                        requests,
                        0,
                        0,
                        millis);
            case HEADERS -> {
                int open = SLOW_ADDRESSES * LIMIT;
                // None of them waits for a byte from the server, in clear text.
                yield new Workload(port, tls, ATTACKER, SLOW_ADDRESSES, open, open, 1, 0, 0, millis)
                        .trickling(TRICKLE_MILLIS);
            }
        };
    }

    private static Workload others(int port, boolean tls, int skipMillis, int millis) {
        int perSecond = tls ? OTHERS_PER_SECOND_TLS : OTHERS_PER_SECOND;
        // Each in a network of its own.
        return new Workload(port, tls, 0, OTHERS, OTHERS_OPEN, OTHERS_OPEN, 1, perSecond, skipMillis, millis)
                .apart(256);
    }

    private Report.Table table(List<Subject> subjects, Map<Subject, List<Outcome>> outcomes) {
        Report.Table table = new Report.Table(
                "",
                "others, p50 ms",
                "÷ calm",
                "p99 ms",
                "÷ calm",
                "answered, of all that came",
                "refused or rejected",
                "attacker's requests/s",
                "attacker refused or rejected/s",
                "attacker's requests or slow connections, p50 ms",
                "server's CPU, attacker alone");
        for (Subject subject : subjects) {
            List<Outcome> rounds = outcomes.get(subject);
            if (rounds.isEmpty()) {
                table.row(
                        subject.title(attack.limitOfFront),
                        "no round counted",
                        "–",
                        "–",
                        "–",
                        "–",
                        "–",
                        "–",
                        "–",
                        "–",
                        "–");
                continue;
            }
            Series p50 = series(rounds, outcome -> outcome.attacked().p50() / 1e6);
            Series p99 = series(rounds, outcome -> outcome.attacked().p99() / 1e6);
            table.row(
                    subject.title(attack.limitOfFront),
                    p50.text(2),
                    p50.over(series(rounds, outcome -> outcome.calm().p50() / 1e6))
                            .text(1),
                    p99.text(2),
                    p99.over(series(rounds, outcome -> outcome.calm().p99() / 1e6))
                            .text(1),
                    percent(series(
                            rounds,
                            outcome ->
                                    share(outcome.attacked(), outcome.attacked().completed()))),
                    percent(series(rounds, outcome -> share(outcome.attacked(), turnedAway(outcome.attacked())))),
                    series(rounds, outcome -> outcome.attacker().completedPerSecond())
                            .text(0),
                    series(
                                    rounds,
                                    outcome -> turnedAway(outcome.attacker())
                                            * 1e9
                                            / outcome.attacker().nanos())
                            .text(0),
                    series(rounds, outcome -> outcome.attacker().p50() / 1e6).text(0),
                    subject.front().isPresent()
                            ? "–"
                            : percent(series(rounds, outcome -> outcome.alone().serverBusy())));
        }
        return table;
    }

    private static long turnedAway(LoadResult load) {
        return load.refused() + load.rejected();
    }

    private static double share(LoadResult load, long count) {
        return (double) count / (load.completed() + turnedAway(load) + load.failed() + load.unanswered());
    }

    private static Series series(List<Outcome> rounds, ToDoubleFunction<Outcome> figure) {
        return new Series(rounds.stream().mapToDouble(figure).toArray());
    }

    private static String percent(Series share) {
        return Series.text(100 * share.median(), 1) + " %";
    }
}
