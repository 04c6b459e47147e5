package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("tomcat")
@Tag("full")
class TomcatNio2TlsIT extends ConnectionLimitContract<TomcatServer> implements TlsContainerContract {

    TomcatNio2TlsIT() {
        super(TomcatServer::nio2, Transport.TLS);
    }
}
