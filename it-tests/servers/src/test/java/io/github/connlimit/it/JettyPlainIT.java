package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("jetty")
@Tag("plain")
class JettyPlainIT extends ConnectionLimitContract<JettyServer> implements PlainContainerContract {

    JettyPlainIT() {
        super(JettyServer::new, Transport.PLAIN);
    }
}
