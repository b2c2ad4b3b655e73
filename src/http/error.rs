//! Turns refusals into HTTP responses.

use axum::{
    Json,
    extract::Request,
    http::{StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    gateway::protocol::{ErrorCode, Refusal},
    telemetry::metrics,
};

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(self.to_json());
        let mut response = (status(self.code), body).into_response();
        if let Some(ms) = self.retry_after_ms {
            response.headers_mut().insert(RETRY_AFTER, ms.div_ceil(1_000).into());
        }
        response.extensions_mut().insert(self.code);
        response
    }
}

/// Counts refusals by the error code that [`IntoResponse`] puts into the response's extensions.
pub(super) async fn count_refusals(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if let Some(code) = response.extensions().get::<ErrorCode>() {
        metrics::refused(code.as_str());
    }
    response
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadToken => StatusCode::UNAUTHORIZED,
        ErrorCode::NotAuthor => StatusCode::FORBIDDEN,
        ErrorCode::NotFound | ErrorCode::NoSuchMessage => StatusCode::NOT_FOUND,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::NonceConflict => StatusCode::CONFLICT,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Busy | ErrorCode::Unavailable | ErrorCode::Unknown | ErrorCode::Overloaded => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ErrorCode::BadRequest
        | ErrorCode::BadRoom
        | ErrorCode::BadNonce
        | ErrorCode::BadText
        | ErrorCode::BadName
        | ErrorCode::BadEpoch
        | ErrorCode::BadColor
        | ErrorCode::BadQuery
        | ErrorCode::BadKind
        | ErrorCode::BadUser
        | ErrorCode::TooManyRooms
        | ErrorCode::UnknownEvent
        | ErrorCode::RetryFirst => StatusCode::BAD_REQUEST,
    }
}
