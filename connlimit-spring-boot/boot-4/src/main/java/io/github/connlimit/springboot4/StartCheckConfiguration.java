package io.github.connlimit.springboot4;

import io.github.connlimit.springboot.StartCheck;
import org.springframework.boot.web.server.context.WebServerInitializedEvent;
import org.springframework.context.ApplicationContext;
import org.springframework.context.ApplicationListener;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Looks at what is limited after the start. */
@Configuration(proxyBeanMethods = false)
class StartCheckConfiguration {

    @Bean
    ApplicationListener<WebServerInitializedEvent> connectionLimitStartListener(
            StartCheck check, ApplicationContext context) {
        return new StartListener(check, context);
    }

    /** Not a lambda expression, which would not tell Spring the type of its event. */
    private record StartListener(StartCheck check, ApplicationContext context)
            implements ApplicationListener<WebServerInitializedEvent> {

        @Override
        public void onApplicationEvent(WebServerInitializedEvent event) {
            // The management server's event is heard here, too.
            if (event.getApplicationContext() == context) {
                check.check(event.getWebServer(), event.getWebServer().getPort());
            }
        }
    }
}
