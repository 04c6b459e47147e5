package io.github.connlimit.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.Cidr;
import io.github.connlimit.ClientUsage;
import io.github.connlimit.ClusterLimits;
import io.github.connlimit.ClusterProvider;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.micrometer.ConnectionLimitMetrics;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.InetAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.ReactiveWebApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/** Which beans there are, in applications with and without a server of their own. */
class AutoConfigurationTest {

    private static final AutoConfigurations ALL = AutoConfigurations.of(
            ConnectionLimitAutoConfiguration.class,
            ConnectionLimitEndpointAutoConfiguration.class,
            WarDeploymentAutoConfiguration.class);

    private static final String EXPOSED = "management.endpoints.web.exposure.include=connlimit";

    private final ApplicationContextRunner noWeb = new ApplicationContextRunner().withConfiguration(ALL);

    /** What {@code @SpringBootTest} is by default: a mock where a container would be. */
    private final WebApplicationContextRunner mock = new WebApplicationContextRunner().withConfiguration(ALL);

    private final ReactiveWebApplicationContextRunner server =
            new ReactiveWebApplicationContextRunner().withConfiguration(ALL);

    @Test
    void aTestWithoutAServerHasWhatAnApplicationMayNeed() {
        try (KeptLog log = new KeptLog()) {
            mock.withPropertyValues(EXPOSED, "connlimit.max-per-client=7").run(context -> {
                assertThat(context).hasNotFailed();
                assertThat(context.getBean(ConnectionLimiter.class).limits().maxPerClient())
                        .isEqualTo(7);
                assertThat(context).hasSingleBean(ConnectionLimitMetrics.class);
                assertThat(context).hasSingleBean(ConnectionLimitEndpoint.class);
                assertThat(context).doesNotHaveBean(ServerLimit.class);
                assertThat(context).doesNotHaveBean(StartCheck.class);
            });
            assertThat(log.warnings()).isEmpty();
        }
    }

    @Test
    void soHasOneWithoutAWebEnvironment() {
        noWeb.run(context -> {
            assertThat(context).hasSingleBean(ConnectionLimiter.class);
            assertThat(context).doesNotHaveBean(ServerLimit.class);
        });
    }

    /** Nor does a test need a Redis. */
    @Test
    void onlyAServerIsANodeOfACluster() {
        String property = "connlimit.cluster-via-spring-data-redis=true";
        mock.withUserConfiguration(Cluster.class)
                .withPropertyValues(property)
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(ClusterNodeLifecycle.class));
        server.withUserConfiguration(Cluster.class)
                .withPropertyValues(property)
                .run(context -> assertThat(
                                context.getBean(ConnectionLimiter.class).cluster())
                        .isPresent());
    }

    @Test
    void aServerHasWhatLimitsIt() {
        server.run(context -> {
            assertThat(context).hasSingleBean(StartCheck.class);
            assertThat(context.getBeansOfType(ServerLimit.class)).hasSize(3);
        });
    }

    @Test
    void disabledTakesEverythingOut() {
        server.withPropertyValues(EXPOSED, "connlimit.enabled=false")
                .run(context -> assertThat(context.getBeanDefinitionNames())
                        .noneMatch(name -> name.contains("connectionLimit") || name.contains("connlimit")));
    }

    @Configuration(proxyBeanMethods = false)
    static class OwnLimiter {

        @Bean
        ConnectionLimiter own() {
            return new ConnectionLimiter(ConnectionLimits.defaults());
        }
    }

    @Test
    void aLimiterOfTheUsersOwnTakesThePlace() {
        mock.withUserConfiguration(OwnLimiter.class)
                .withPropertyValues("connlimit.max-per-client=-1")
                .run(context -> {
                    assertThat(context).hasSingleBean(ConnectionLimiter.class).hasBean("own");
                    assertThat(context).doesNotHaveBean(TrustedProxies.class);
                });
    }

    @Configuration(proxyBeanMethods = false)
    static class Listeners {

        final List<String> events = new CopyOnWriteArrayList<>();

        /** Needs the limiter, and so is there later. */
        @Bean
        @Order(2)
        LimiterListener needsTheLimiter(ConnectionLimiter limiter) {
            return new LimiterListener() {
                @Override
                public void admitted(ClientUsage client) {
                    events.add("second, limit " + limiter.limits().maxPerClient());
                }
            };
        }

        @Bean
        @Order(1)
        LimiterListener comesFirst() {
            return new LimiterListener() {
                @Override
                public void admitted(ClientUsage client) {
                    events.add("first");
                }

                @Override
                public void closed(ClientUsage client) {
                    events.add("closed");
                }
            };
        }
    }

    @Test
    void aListenerMayNeedTheLimiter() {
        mock.withUserConfiguration(Listeners.class).run(context -> {
            assertThat(context).hasNotFailed();
            context.getBean(ConnectionLimiter.class)
                    .acquire(InetAddress.getByName("192.0.2.1"))
                    .close();
            assertThat(context.getBean(Listeners.class).events).containsExactly("first", "second, limit 100", "closed");
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class Cluster {

        @Bean
        ClusterProvider provider() {
            return (node, uri) -> new ClusterLimits() {
                @Override
                public int allowed(Cidr client, int open, int limit) {
                    return limit;
                }

                @Override
                public ClusterSnapshot snapshot() {
                    return ClusterSnapshot.NONE;
                }

                @Override
                public void close() {}
            };
        }
    }

    @Test
    void aClusterHasMetersHoweverItIsJoined() {
        server.withUserConfiguration(Cluster.class)
                .withPropertyValues("connlimit.cluster-via-spring-data-redis=true")
                .run(context -> assertThat(hasClusterMeters(context.getBean(ConnectionLimitMetrics.class)))
                        .isTrue());
        server.run(context -> assertThat(hasClusterMeters(context.getBean(ConnectionLimitMetrics.class)))
                .isFalse());
    }

    private static boolean hasClusterMeters(ConnectionLimitMetrics metrics) {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        metrics.bindTo(registry);
        return registry.find("connlimit.cluster.connected").gauge() != null;
    }
}
