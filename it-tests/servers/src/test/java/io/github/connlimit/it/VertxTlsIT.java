package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("vertx")
@Tag("full")
class VertxTlsIT extends ConnectionLimitContract<VertxServer>
        implements HttpContract, TlsContract, SocketServerContract {

    VertxTlsIT() {
        super(VertxServer::new, Transport.TLS);
    }
}
