package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.testing.RedisProcess;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.WebApplicationType;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.io.DefaultResourceLoader;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;

/** Two applications with one limit, by the dependency and one property, and the Lettuce that Spring Boot has. */
class ClusterTest {

    private static final Duration DEADLINE = Duration.ofSeconds(30);

    /** It is 10 seconds. */
    private static final Duration LESS_THAN_A_LEASE = Duration.ofSeconds(5);

    private static final String PASSWORD = "secret";
    private static final String VIA_SPRING = "connlimit.cluster-via-spring-data-redis=true";

    private static RedisProcess redis;

    @BeforeAll
    static void startRedis() throws Exception {
        redis = new RedisProcess("--requirepass", PASSWORD).start();
    }

    @AfterAll
    static void stopRedis() {
        redis.close();
    }

    /** The one that comes first has the whole limit, and the other what is free; what they held is free when they stop. */
    static void assertTwoHoldOneLimit(ServersTest.Kind kind, String cluster, String... properties) throws Exception {
        String[] all = Stream.concat(
                        Stream.of(
                                "connlimit.max-per-client=20",
                                "connlimit.free-per-client=2",
                                "connlimit.cluster-name=" + cluster),
                        Stream.of(properties))
                .toArray(String[]::new);
        try (Running one = kind.start(all);
                Running other = kind.start(all)) {
            try (Clients first = new Clients(one.port(), false);
                    Clients second = new Clients(other.port(), false)) {
                AtomicInteger served = new AtomicInteger();
                await().atMost(DEADLINE).until(() -> served.addAndGet(first.served(2, 1)) == 20);
                assertThat(second.served(2, 5)).isEqualTo(2);
                assertThat(first.served(2, 5)).isZero();
                assertThat(one.limiter().cluster())
                        .hasValueSatisfying(
                                figures -> assertThat(figures.reserved()).isEqualTo(20));
                assertThat(clients(cluster)).hasSize(1);
                assertThat(one.infos()).noneMatch(line -> line.contains(PASSWORD));
            }
            one.awaitOpen(0);
            other.awaitOpen(0);
        }
        await("nothing is held any more")
                .atMost(LESS_THAN_A_LEASE)
                .until(() -> clients(cluster).isEmpty());
    }

    /** The keys of clients that have reservations. */
    private static List<String> clients(String cluster) {
        try (RedisClient client = RedisClient.create(uri());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            return connection.sync().keys("connlimit:*:" + cluster + ":127.*");
        }
    }

    static String uri() {
        return redis.uri(PASSWORD);
    }

    @Tag("full")
    @ParameterizedTest
    @MethodSource("io.github.connlimit.springboot.it.ServersTest#others")
    void twoOfTheOthersHoldOneLimit(ServersTest.Kind kind) throws Exception {
        twoHoldOneLimit(kind);
    }

    @ParameterizedTest
    @MethodSource("io.github.connlimit.springboot.it.ServersTest#first")
    void twoHoldOneLimit(ServersTest.Kind kind) throws Exception {
        assertTwoHoldOneLimit(kind, kind + "-by-uri", "connlimit.cluster-uri=" + uri());
    }

    @Test
    void aRedisThatIsThereForOtherThingsIsNotUsed() {
        try (Running app = Running.start("spring.data.redis.url=" + uri())) {
            assertThat(app.context.getBean(RedisConnectionFactory.class)).isNotNull();
            assertThat(app.limiter().cluster()).isEmpty();
        }
    }

    @Test
    void isANodeAgainAfterAStop() {
        try (Running app = Running.start(VIA_SPRING, "spring.data.redis.url=" + uri())) {
            awaitConnected(app);
            app.context.stop();
            assertThat(app.limiter().cluster()).isEmpty();
            app.context.start();
            awaitConnected(app);
        }
    }

    private static void awaitConnected(Running app) {
        await("the Redis")
                .atMost(DEADLINE)
                .until(() -> app.limiter().cluster().orElseThrow().connected());
    }

    @Test
    void aRedisThatIsNotThereDoesNotKeepTheApplicationFromStarting() throws Exception {
        try (RedisProcess later = new RedisProcess();
                Running app = Running.start(
                        VIA_SPRING,
                        "spring.data.redis.port=" + later.port(),
                        "management.endpoints.web.exposure.include=connlimit");
                Clients clients = new Clients(app.port(), false)) {
            assertThat(clients.served(2, 3)).isEqualTo(3);
            assertThat(app.limiter().cluster().orElseThrow().connected()).isFalse();
            assertThat(Clients.get(app.port(), "/actuator/connlimit")).contains("\"cluster\":{\"connected\":false,");
            later.start();
            awaitConnected(app);
        }
    }

    @Test
    void anUnreadableUriKeepsTheApplicationFromStarting() {
        assertThatThrownBy(() -> Running.start("connlimit.cluster-uri=redis://:secret@10.0.0.5:port"))
                .hasStackTraceContaining("clusterUri: \"redis://***@10.0.0.5:port\" is not allowed");
    }

    private static void assertRefused(Class<?> configuration, String message, String... properties) {
        assertThatThrownBy(() -> Running.startWith(configuration, properties))
                .hasStackTraceContaining("clusterViaSpringDataRedis: \"true\" is not allowed; " + message);
    }

    @Test
    void twoWaysAtOnceKeepTheApplicationFromStarting() {
        assertRefused(
                App.class,
                "there is a clusterUri besides: redis://***@10.0.0.5",
                VIA_SPRING,
                "connlimit.cluster-uri=redis://:" + PASSWORD + "@10.0.0.5");
    }

    /** Two of them, and none comes first. */
    @Configuration(proxyBeanMethods = false)
    static class TwoFactories {

        @Bean
        LettuceConnectionFactory sessions() {
            return new LettuceConnectionFactory();
        }

        @Bean
        LettuceConnectionFactory others() {
            return new LettuceConnectionFactory();
        }
    }

    @Test
    void nobodyGuessesWhichRedisIsMeant() {
        assertRefused(TwoFactories.class, "there is no LettuceConnectionFactory, or more than one", VIA_SPRING);
    }

    @Test
    void withoutTheModuleTheApplicationDoesNotStart() {
        ClassLoader without = new ClassLoader(App.class.getClassLoader()) {
            @Override
            protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
                if (name.startsWith("io.github.connlimit.cluster.")) {
                    throw new ClassNotFoundException(name);
                }
                return super.loadClass(name, resolve);
            }
        };
        assertThatThrownBy(() -> Running.start(
                        Line.tomcat().get(0),
                        WebApplicationType.SERVLET,
                        application -> application.setResourceLoader(new DefaultResourceLoader(without)),
                        VIA_SPRING))
                .hasStackTraceContaining("clusterViaSpringDataRedis: \"true\" is not allowed; connlimit-cluster, Spring"
                        + " Data Redis or Lettuce is not on the class path");
    }
}
