package io.github.connlimit.springboot.it;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.nio.file.Path;
import java.util.Set;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.event.ApplicationPreparedEvent;
import org.springframework.boot.web.servlet.support.SpringBootServletInitializer;
import org.springframework.context.ApplicationListener;
import org.springframework.web.SpringServletContainerInitializer;

/** In a container of somebody else's nothing is limited, and a line says where to do it. */
class WarTest {

    private static final ListAppender<ILoggingEvent> LOG = new ListAppender<>();

    @TempDir
    private Path directory;

    /** What a WAR has in place of a main method. */
    public static final class War extends SpringBootServletInitializer {

        @Override
        protected SpringApplicationBuilder configure(SpringApplicationBuilder builder) {
            return builder.sources(App.class)
                    .listeners((ApplicationListener<ApplicationPreparedEvent>) prepared -> logger().addAppender(LOG));
        }
    }

    private static Logger logger() {
        return (Logger) LoggerFactory.getLogger("io.github.connlimit");
    }

    @Test
    void warns() throws Exception {
        LOG.start();
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(directory.toString());
        tomcat.setPort(0);
        tomcat.getConnector();
        Context context = tomcat.addContext("", directory.toString());
        context.addServletContainerInitializer(new SpringServletContainerInitializer(), Set.of(War.class));
        tomcat.start();
        try (Clients clients = new Clients(tomcat.getConnector().getLocalPort(), false)) {
            assertThat(clients.served(2, 8)).isEqualTo(8);
            assertThat(LOG.list)
                    .filteredOn(event -> event.getLevel() == Level.WARN)
                    .extracting(ILoggingEvent::getFormattedMessage)
                    .containsExactly("Connections are not limited: this application runs as a WAR, and the container"
                            + " accepts its connections. Set up connlimit in Tomcat's server.xml, or as a module of"
                            + " Jetty");
        } finally {
            logger().detachAppender(LOG);
            tomcat.stop();
            tomcat.destroy();
        }
    }
}
