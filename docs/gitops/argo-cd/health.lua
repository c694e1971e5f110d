-- Health of Weft's Namespace, Topic, EventSubscription and Hub for Argo CD.
--
-- The status is in kstatus format: a condition Ready, and observedGeneration. The reason of Ready repeats what stands in
-- the way. No Lua library is used, so that Argo CD's default sandbox is enough.

-- Somebody has to change this resource, or what the cluster allows it. Every other reason passes by itself: it waits for
-- another resource, for a pod, or for the operator.
local degraded = {
  Invalid = true,
  NameConflict = true,
  NameTaken = true,
  DeadLetterCycle = true,
  SecretNotUsable = true,
  Refused = true,
  ObjectRefused = true,
  VolumeNotResized = true,
}

local function progressing(message)
  return { status = "Progressing", message = message }
end

local status = obj.status
if status == nil or status.conditions == nil then
  return progressing("waiting for weft-operator")
end
if status.observedGeneration ~= obj.metadata.generation then
  return progressing("waiting for weft-operator to see the last change")
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end

local ready = conditions.Ready
if ready == nil then
  return progressing("waiting for weft-operator")
end
if ready.status == "True" then
  local upgrade = conditions.UpgradeAvailable
  if upgrade ~= nil and upgrade.status == "True" then
    return { status = "Healthy", message = upgrade.message }
  end
  return { status = "Healthy", message = ready.message }
end

local message = ready.reason .. ": " .. ready.message
if ready.status ~= "False" then
  return progressing(message)
end
if ready.reason == "Paused" then
  return { status = "Suspended", message = message }
end
if degraded[ready.reason] then
  return { status = "Degraded", message = message }
end
return progressing(message)
