//! API shapes, the JSON codec, the error envelope and every sentence a client can see.
