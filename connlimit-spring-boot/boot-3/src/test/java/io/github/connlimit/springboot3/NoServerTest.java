package io.github.connlimit.springboot3;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;

/** An application that needs the limiter can be tested without a server. */
@SpringBootTest(classes = Running.App.class, properties = "connlimit.max-per-client=7")
class NoServerTest {

    @Autowired
    private ConnectionLimiter limiter;

    @Test
    void hasALimiter() {
        assertThat(limiter.limits().maxPerClient()).isEqualTo(7);
    }
}
