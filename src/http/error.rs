//! The only translation of refusals to HTTP.

use axum::{
    Json,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};

use crate::gateway::protocol::Refusal;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.code {
            "bad_token" => StatusCode::UNAUTHORIZED,
            "not_author" => StatusCode::FORBIDDEN,
            "not_found" | "no_such_message" => StatusCode::NOT_FOUND,
            "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
            "nonce_conflict" => StatusCode::CONFLICT,
            "rate_limited" => StatusCode::TOO_MANY_REQUESTS,
            "busy" | "unavailable" | "unknown" | "overloaded" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        crate::telemetry::metrics::refused(self.code);
        let body = Json(self.to_json());
        match self.retry_after_ms {
            Some(ms) => (status, [(RETRY_AFTER, ms.div_ceil(1_000).to_string())], body).into_response(),
            None => (status, body).into_response(),
        }
    }
}
