package io.github.connlimit.it.frameworks;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.jetty.ConnectionLimitHandler;
import io.github.connlimit.jetty.ConnectionLimitInstaller;
import io.javalin.Javalin;
import org.junit.jupiter.api.Test;

/** Javalin, with the lines of the documentation. */
class JavalinIT {

    @Test
    void isLimited() throws Exception {
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(3).build());
        int anyPort = 0;
        // tag::javalin[]
        Javalin app = Javalin.create(config -> {
            config.jetty.modifyServer(server -> server.addBean(new ConnectionLimitInstaller(limiter)));
            config.routes.get("/", context -> context.result("OK"));
        });
        // end::javalin[]
        app.start(anyPort);
        try {
            assertThat(app.jettyServer().server().getDescendants(ConnectionLimitHandler.class))
                    .hasSize(1);
            Clients.assertLimited(limiter, app.port(), "/", "200");
        } finally {
            app.stop();
        }
        Clients.awaitNothing(limiter);
    }
}
