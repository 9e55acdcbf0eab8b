using Microsoft.Extensions.Options;

namespace LoraAdmin.Access;

/// <summary>Section <c>Api</c>.</summary>
public sealed class ApiOptions
{
    public const string Section = "Api";
    public const int ShortestToken = 24;

    /// <summary>
    /// When set, it is saved at start as the token "bootstrap" with every scope. Changing it replaces the token; the secret itself is not stored.
    /// </summary>
    public string? BootstrapToken { get; set; }
}

internal sealed class ApiOptionsCheck : IValidateOptions<ApiOptions>
{
    public ValidateOptionsResult Validate(string? name, ApiOptions options)
    {
        if (string.IsNullOrEmpty(options.BootstrapToken))
        {
            return ValidateOptionsResult.Success;
        }

        if (options.BootstrapToken.Length is < ApiOptions.ShortestToken or > 512)
        {
            return ValidateOptionsResult.Fail(
                $"Api:BootstrapToken has {options.BootstrapToken.Length} characters. Set it to {ApiOptions.ShortestToken} to 512 random characters "
                + "(for example the output of: openssl rand -hex 24), or leave it empty for no such token.");
        }

        return options.BootstrapToken.All(character => character is > ' ' and < '\x7f')
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail("Api:BootstrapToken has characters that an HTTP header can't carry. Use letters, digits and punctuation without spaces.");
    }
}
