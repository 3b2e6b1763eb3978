//! Markers of lists: the place of the last element of a page, so that pages stay right when elements come
//! and go between them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headwater_wire::ApiError;
use headwater_wire::messages::functions;

pub(super) fn write(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

pub(super) fn read(marker: &str) -> Result<String, ApiError> {
    let place = URL_SAFE_NO_PAD.decode(marker).ok();
    place
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(invalid)
}

pub(super) fn invalid() -> ApiError {
    functions::invalid_parameter("The provided Marker is invalid.")
}
