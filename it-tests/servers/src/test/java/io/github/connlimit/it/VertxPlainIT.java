package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("vertx")
@Tag("plain")
class VertxPlainIT extends ConnectionLimitContract<VertxServer> implements HttpContract, PlainRespondContract {

    VertxPlainIT() {
        super(VertxServer::new, Transport.PLAIN);
    }
}
