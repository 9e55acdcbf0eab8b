using System.Security.Cryptography;
using System.Text;

namespace LoraAdmin.Domain.Breaker;

/// <summary>Tells one key of the provider from another without telling the key.</summary>
public static class KeyMarks
{
    /// <summary>The first 16 hex digits of SHA-256 over <c>lora:breaker:v1:</c> and the key; empty for no key.</summary>
    public static string Of(string key) =>
        string.IsNullOrEmpty(key) ? "" : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"lora:breaker:v1:{key}")))[..16];
}
