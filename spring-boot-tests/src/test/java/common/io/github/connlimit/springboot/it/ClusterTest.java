package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.redis.RedisProcess;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Two applications with one limit, by the dependency and one property, and the Lettuce that Spring Boot has. */
class ClusterTest {

    private static final Duration DEADLINE = Duration.ofSeconds(30);

    private static RedisProcess redis;

    @BeforeAll
    static void startRedis() throws Exception {
        redis = new RedisProcess("--requirepass", "secret").start();
    }

    @AfterAll
    static void stopRedis() {
        redis.close();
    }

    static Stream<ServersTest.Kind> kinds() {
        return ServersTest.kinds();
    }

    private static String[] properties(ServersTest.Kind kind) {
        return new String[] {
            "connlimit.max-per-client=20",
            "connlimit.free-per-client=2",
            "connlimit.cluster-name=" + kind,
            "connlimit.cluster-uri=" + redis.uri().replace("//", "//:secret@")
        };
    }

    /** The one that comes first has the whole limit, and the other what is free. */
    @ParameterizedTest
    @MethodSource("kinds")
    void twoHoldOneLimit(ServersTest.Kind kind) throws Exception {
        try (Running one = kind.start(properties(kind));
                Running other = kind.start(properties(kind));
                Clients first = new Clients(one.port(), false);
                Clients second = new Clients(other.port(), false)) {
            AtomicInteger served = new AtomicInteger();
            await().atMost(DEADLINE).until(() -> served.addAndGet(first.served(2, 1)) == 20);
            assertThat(second.served(2, 5)).isEqualTo(2);
            assertThat(first.served(2, 5)).isZero();
            assertThat(one.limiter().cluster())
                    .hasValueSatisfying(
                            figures -> assertThat(figures.reserved()).isEqualTo(20));
            assertThat(one.infos()).noneMatch(line -> line.contains("secret"));
        }
    }

    @Test
    void anUnreadableUriKeepsTheApplicationFromStarting() {
        assertThatThrownBy(() -> Running.start("connlimit.cluster-uri=redis://:secret@10.0.0.5:port"))
                .hasStackTraceContaining("clusterUri: \"redis://***@10.0.0.5:port\" is not allowed");
    }
}
