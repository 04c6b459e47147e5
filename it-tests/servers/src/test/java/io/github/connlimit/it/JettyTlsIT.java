package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("jetty")
class JettyTlsIT extends ConnectionLimitContract<JettyServer> implements TlsContainerContract {

    JettyTlsIT() {
        super(JettyServer::new, Transport.TLS);
    }
}
