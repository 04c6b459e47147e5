package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("tomcat")
class TomcatNioTlsIT extends ConnectionLimitContract<TomcatServer> implements TlsContainerContract {

    TomcatNioTlsIT() {
        super(TomcatServer::nio, Transport.TLS);
    }
}
