package io.github.connlimit.springboot;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says which property keeps the application from starting, and what is allowed. */
final class InvalidLimitsFailureAnalyzer extends AbstractFailureAnalyzer<InvalidLimitsException> {

    @Override
    protected FailureAnalysis analyze(Throwable rootFailure, InvalidLimitsException cause) {
        return new FailureAnalysis(
                "The connection limits are not valid: " + cause.getMessage(),
                "Change the property " + cause.property() + ".",
                cause);
    }
}
