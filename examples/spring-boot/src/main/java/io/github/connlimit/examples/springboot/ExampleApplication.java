package io.github.connlimit.examples.springboot;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.server.context.WebServerInitializedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** The dependency on the starter limits this application; nothing in it does. */
@SpringBootApplication(proxyBeanMethods = false)
@RestController
public class ExampleApplication {

    /** Made by Spring. */
    public ExampleApplication() {}

    public static void main(String[] args) {
        SpringApplication.run(ExampleApplication.class, args);
    }

    @GetMapping("/")
    String ok() {
        return "OK";
    }

    @EventListener
    void listening(WebServerInitializedEvent event) {
        System.out.println("listening on " + event.getWebServer().getPort());
    }
}
