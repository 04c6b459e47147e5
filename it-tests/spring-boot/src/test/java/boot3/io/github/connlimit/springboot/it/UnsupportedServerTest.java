package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.web.embedded.undertow.UndertowReactiveWebServerFactory;

/** A server that connlimit does not know is not limited, and says so. */
class UnsupportedServerTest {

    @Test
    void warns() {
        try (Running app = Running.start(
                UndertowReactiveWebServerFactory.class, WebApplicationType.REACTIVE, Running.NOTHING_MORE)) {
            assertThat(app.warnings())
                    .containsExactly("Connections are not limited: the web server is"
                            + " org.springframework.boot.web.embedded.undertow.UndertowWebServer, and connlimit limits"
                            + " Tomcat, Jetty and Reactor Netty");
        }
    }
}
