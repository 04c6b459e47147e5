package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("tomcat")
@Tag("plain")
class TomcatNioPlainIT extends ConnectionLimitContract<TomcatServer> implements PlainContainerContract {

    TomcatNioPlainIT() {
        super(TomcatServer::nio, Transport.PLAIN);
    }
}
