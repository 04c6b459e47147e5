package io.github.connlimit.springboot.it;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** As {@link ClusterTest}, by the Redis that the applications have; at the same time, since both wait most of the time. */
class SpringRedisClusterTest {

    @BeforeAll
    static void startRedis() throws Exception {
        ClusterTest.startRedis();
    }

    @AfterAll
    static void stopRedis() {
        ClusterTest.stopRedis();
    }

    @Tag("full")
    @ParameterizedTest
    @MethodSource("io.github.connlimit.springboot.it.ServersTest#others")
    void twoOfTheOthersHoldOneLimitByTheRedisTheyHave(ServersTest.Kind kind) throws Exception {
        twoHoldOneLimitByTheRedisTheyHave(kind);
    }

    @ParameterizedTest
    @MethodSource("io.github.connlimit.springboot.it.ServersTest#first")
    void twoHoldOneLimitByTheRedisTheyHave(ServersTest.Kind kind) throws Exception {
        ClusterTest.assertTwoHoldOneLimit(
                kind,
                kind + "-via-spring",
                Docs.snippet("spring-boot-cluster").strip(),
                "spring.data.redis.url=" + ClusterTest.uri());
    }
}
