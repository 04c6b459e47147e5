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

/**
 * What reservations cost: nodes in this process, a real engine, and clients that want their whole limit on each node, all the
 * time. Prints a table; its arguments are numbers of nodes.
 */
final class ClusterLoad {

    private static final int CLIENTS = 1000;
    private static final int LIMIT = 100;
    private static final int SECONDS = 30;

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
            for (int i = 0; i < CLIENTS; i++) {
                Cidr client = Cidr.parse("10.0." + (i >> 8) + "." + (i & 255));
                int there = open(client);
                open.put(client, Math.max(there, member.allowed(client, there, LIMIT)));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        System.out.println(
                "| Nodes | requests/s | bytes to the engine/s | bytes from it/s | CPU of the engine | CPU of one node |");
        System.out.println("| --- | --- | --- | --- | --- | --- |");
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
            flood(nodes, SECONDS);
            double cpu = (cpuNanos() - cpuBefore) / 1e9 / SECONDS;
            Map<String, Double> after = figures(connection);
            System.out.printf(
                    "| %d | %,.0f | %,.0f | %,.0f | %.1f %% | %.2f %% |%n",
                    count,
                    rate("cmdstat_evalsha", before, after),
                    rate("total_net_input_bytes", before, after),
                    rate("total_net_output_bytes", before, after),
                    100 * (rate("used_cpu_user", before, after) + rate("used_cpu_sys", before, after)),
                    100 * cpu / count);
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

    private static double rate(String figure, Map<String, Double> before, Map<String, Double> after) {
        return (after.getOrDefault(figure, 0.0) - before.getOrDefault(figure, 0.0)) / SECONDS;
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
