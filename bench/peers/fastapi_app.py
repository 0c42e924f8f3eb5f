"""The first system's stack as a user would write it today: one file, async, sessions and quota in Redis."""

import json
import os
import time
import uuid
from enum import Enum
from typing import Annotated, Any

import jwt
import redis.asyncio as redis
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

SECRET = os.environ["SECRET_KEY"]
TTL = 3600
LIMIT = 2**50
MAX_SIZE = 2**40
FORMATS = ["mp4", "avi", "mov", "mkv", "webm"]

app = FastAPI()
store = redis.Redis(host="127.0.0.1", port=int(os.environ["REDIS_PORT"]), decode_responses=True)


class Workflow(str, Enum):
    single = "single_upload"
    batch = "batch_upload"
    training = "training_upload"
    analysis = "analysis_upload"
    validation = "validation_upload"


class Context(BaseModel):
    source_section: str = Field(min_length=1, max_length=64)
    workflow_type: Workflow
    user_preferences: dict[str, Any] = {}
    metadata: dict[str, Any] | None = None


class InitiateRequest(BaseModel):
    dashboard_context: Context
    expected_file_size: int | None = Field(default=None, ge=1, le=MAX_SIZE)
    file_format: str | None = None
    filename: str | None = Field(default=None, max_length=255)


class InitiateResponse(BaseModel):
    session_id: str
    upload_url: str
    max_file_size: int
    allowed_formats: list[str]
    remaining_quota: int
    quota_limit: int
    session_expires_at: float
    dashboard_context: Context


class ValidateRequest(BaseModel):
    session_id: uuid.UUID
    user_id: uuid.UUID


class ValidateResponse(BaseModel):
    is_valid: bool
    is_owner: bool
    session_status: dict[str, Any]
    error_message: str | None = None


def caller(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    try:
        return jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"], options={"require": ["exp"]})["user_id"]
    except jwt.PyJWTError as fault:
        raise HTTPException(401, "bad token") from fault


@app.post("/initiate", status_code=201)
async def initiate(asked: InitiateRequest, user: Annotated[str, Depends(caller)]) -> InitiateResponse:
    size = asked.expected_file_size or MAX_SIZE
    used = int(await store.get(f"quota:{user}") or 0)
    if used + size > LIMIT:
        raise HTTPException(429, "quota exceeded")
    session, now = str(uuid.uuid4()), time.time()
    fields = {
        "user_id": user,
        "created_at": now,
        "expires_at": now + TTL,
        "size": size,
        "filename": asked.filename or "",
        "context": asked.dashboard_context.model_dump_json(),
    }
    async with store.pipeline(transaction=True) as pipe:
        pipe.hset(f"session:{session}", mapping=fields)
        pipe.expire(f"session:{session}", TTL)
        pipe.sadd(f"sessions:{user}", session)
        pipe.expire(f"sessions:{user}", TTL)
        pipe.incrby(f"quota:{user}", size)
        await pipe.execute()
    return InitiateResponse(
        session_id=session,
        upload_url=f"/uploads/{session}",
        max_file_size=size,
        allowed_formats=FORMATS,
        remaining_quota=LIMIT - used - size,
        quota_limit=LIMIT,
        session_expires_at=now + TTL,
        dashboard_context=asked.dashboard_context,
    )


@app.post("/validate")
async def validate(asked: ValidateRequest, user: Annotated[str, Depends(caller)]) -> ValidateResponse:
    if str(asked.user_id) != user:
        raise HTTPException(403, "another user")
    found = await store.hgetall(f"session:{asked.session_id}")
    if not found:
        raise HTTPException(404, "no such session")
    if found["user_id"] != user:
        raise HTTPException(403, "another user's session")
    found["context"] = json.loads(found["context"])
    return ValidateResponse(is_valid=float(found["expires_at"]) > time.time(), is_owner=True, session_status=found)
