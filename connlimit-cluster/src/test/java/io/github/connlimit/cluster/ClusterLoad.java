package io.github.connlimit.cluster;

import com.sun.management.OperatingSystemMXBean;
import io.github.connlimit.Cidr;
import io.github.connlimit.ClusterNode;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.testing.RedisProcess;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What reservations cost: nodes in this process, a real engine, and clients that want their whole limit on each node, all the
 * time. Prints a table; its arguments are numbers of nodes.
 */
final class ClusterLoad {

    private static final int CLIENTS = 1000;
    private static final int LIMIT = 100;
    private static final int SECONDS = 30;
    private static final List<Cidr> ALL = IntStream.range(0, CLIENTS)
            .mapToObj(i -> Cidr.parse("10.0." + (i >> 8) + "." + (i & 255)))
            .toList();

    private ClusterLoad() {}

    /** Clients that take what they get. */
    private static final class Greedy implements ClusterNode {

        private final ConnectionLimits limits;
        private final Map<Cidr, Integer> open = new ConcurrentHashMap<>();
        private ClusterMember member;

        private Greedy(String uri) {
            limits = ConnectionLimits.builder()
                    .maxPerClient(LIMIT)
                    .clusterUri(uri)
                    .build();
        }

        @Override
        public int open(Cidr client) {
            return open.getOrDefault(client, 0);
        }

        @Override
        public ConnectionLimits limits() {
            return limits;
        }

        @Override
        public void report(String what, Throwable error) {
            error.printStackTrace();
        }

        private void flood() {
            for (Cidr client : ALL) {
                int there = open(client);
                open.put(client, Math.max(there, member.allowed(client, there, LIMIT)));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.out.println(
                "| Nodes | requests/s | bytes to the engine/s | bytes from it/s | CPU of the engine | CPU of one node |"
                        + " failed | seconds |");
        System.out.println("| --- | --- | --- | --- | --- | --- | --- | --- |");
        for (String nodes : arguments) {
            measure(Integer.parseInt(nodes));
        }
        System.exit(0);
    }

    private static void measure(int count) throws Exception {
        try (RedisProcess engine = new RedisProcess().start();
                RedisClient client = RedisClient.create(engine.uri());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            List<Greedy> nodes = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                Greedy node = new Greedy(engine.uri());
                node.member = (ClusterMember) new RedisClusterProvider().join(node, engine.uri());
                nodes.add(node);
            }
            flood(nodes, SECONDS / 2);
            Map<String, Double> before = figures(connection);
            long cpuBefore = cpuNanos();
            long began = System.nanoTime();
            flood(nodes, SECONDS);
            // On a machine that has too much to do, it takes longer than it should.
            double seconds = (System.nanoTime() - began) / 1e9;
            double cpu = (cpuNanos() - cpuBefore) / 1e9 / seconds;
            Map<String, Double> after = figures(connection);
            long failed = nodes.stream()
                    .mapToLong(node -> node.member.snapshot().failed())
                    .sum();
            System.out.printf(
                    "| %d | %,.0f | %,.0f | %,.0f | %.1f %% | %.2f %% | %,d | %.0f |%n",
                    count,
                    rate("cmdstat_evalsha", before, after, seconds),
                    rate("total_net_input_bytes", before, after, seconds),
                    rate("total_net_output_bytes", before, after, seconds),
                    100
                            * (rate("used_cpu_user", before, after, seconds)
                                    + rate("used_cpu_sys", before, after, seconds)),
                    100 * cpu / count,
                    failed,
                    seconds);
            nodes.forEach(node -> node.member.close());
        }
    }

    private static void flood(List<Greedy> nodes, int seconds) throws InterruptedException {
        for (int i = 0; i < seconds; i++) {
            long began = System.nanoTime();
            nodes.forEach(Greedy::flood);
            TimeUnit.NANOSECONDS.sleep(TimeUnit.SECONDS.toNanos(1) - (System.nanoTime() - began));
        }
    }

    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static double rate(String figure, Map<String, Double> before, Map<String, Double> after, double seconds) {
        return (after.getOrDefault(figure, 0.0) - before.getOrDefault(figure, 0.0)) / seconds;
    }

    private static Map<String, Double> figures(StatefulRedisConnection<String, String> connection) {
        return connection
                .sync()
                .info("all")
                .lines()
                .filter(line -> line.matches("(cmdstat_evalsha|total_net_(in|out)put_bytes|used_cpu_(user|sys)):.*"))
                .collect(Collectors.toMap(
                        line -> line.substring(0, line.indexOf(':')),
                        line -> Double.parseDouble(line.replaceAll("^[^:]*:(calls=)?|,.*", ""))));
    }
}
