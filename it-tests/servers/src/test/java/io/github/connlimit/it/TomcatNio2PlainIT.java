package io.github.connlimit.it;

import org.junit.jupiter.api.Tag;

@Tag("tomcat")
@Tag("plain")
@Tag("nio2")
class TomcatNio2PlainIT extends ConnectionLimitContract<TomcatServer> implements PlainContainerContract {

    TomcatNio2PlainIT() {
        super(TomcatServer::nio2, Transport.PLAIN);
    }
}
