package io.github.connlimit.springboot3;

import io.github.connlimit.springboot.ServerFactoryLimit;
import io.github.connlimit.springboot.TomcatLimit;
import java.util.List;
import java.util.Objects;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;
import org.springframework.beans.DirectFieldAccessor;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.web.embedded.tomcat.ConfigurableTomcatWebServerFactory;
import org.springframework.boot.web.embedded.tomcat.TomcatReactiveWebServerFactory;
import org.springframework.boot.web.embedded.tomcat.TomcatServletWebServerFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.util.ReflectionUtils;

/** Limits Tomcat. */
@Configuration(proxyBeanMethods = false)
@ImportRuntimeHints(TomcatConfiguration.ProtocolHints.class)
class TomcatConfiguration {

    private static final String PROTOCOL = "protocol";

    @Bean
    static ServerFactoryLimit<ConfigurableTomcatWebServerFactory> connectionLimitOfTomcatFactory(
            ObjectProvider<TomcatLimit> limit) {
        return new ServerFactoryLimit<>(
                ConfigurableTomcatWebServerFactory.class, factory -> limit(factory, limit.getObject()));
    }

    private static void limit(ConfigurableTomcatWebServerFactory factory, TomcatLimit limit) {
        if (factory instanceof TomcatServletWebServerFactory servlet) {
            servlet.setProtocol(limit.protocol(protocol(factory)));
        } else if (factory instanceof TomcatReactiveWebServerFactory reactive) {
            reactive.setProtocol(limit.protocol(protocol(factory)));
        }
        factory.addProtocolHandlerCustomizers(limit::customize);
        // The last: after the RemoteIpValve.
        factory.addEngineValves(limit.newValve());
    }

    /** In this version, it has no getter. */
    private static String protocol(ConfigurableTomcatWebServerFactory factory) {
        return (String) Objects.requireNonNull(new DirectFieldAccessor(factory).getPropertyValue(PROTOCOL), PROTOCOL);
    }

    /** For that field. */
    static final class ProtocolHints implements RuntimeHintsRegistrar {

        @Override
        public void registerHints(RuntimeHints hints, ClassLoader classLoader) {
            for (Class<?> factory :
                    List.of(TomcatServletWebServerFactory.class, TomcatReactiveWebServerFactory.class)) {
                hints.reflection()
                        .registerField(Objects.requireNonNull(ReflectionUtils.findField(factory, PROTOCOL), PROTOCOL));
            }
        }
    }
}
