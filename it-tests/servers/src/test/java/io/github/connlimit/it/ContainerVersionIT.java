package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.catalina.util.ServerInfo;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The tests run on the container version the build says they run on. */
class ContainerVersionIT {

    @Test
    @Tag("jetty")
    void jettyIsTheVersionAskedFor() {
        assertThat(Server.getVersion()).isEqualTo(System.getProperty("connlimit.it.jetty.version"));
    }

    @Test
    @Tag("tomcat")
    void tomcatIsTheVersionAskedFor() {
        // Tomcat's number has a fourth part, which is always 0 in a release.
        assertThat(ServerInfo.getServerNumber()).isEqualTo(System.getProperty("connlimit.it.tomcat.version") + ".0");
    }
}
